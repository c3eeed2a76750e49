"""Contacts and the points by which they are found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "contacts_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("partition_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True)),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("given_name", sa.Text),
        sa.Column("family_name", sa.Text),
        sa.Column("legal_name", sa.Text),
        sa.Column("emails", postgresql.JSONB, nullable=False),
        sa.Column("phones", postgresql.JSONB, nullable=False),
        sa.Column("addresses", postgresql.JSONB, nullable=False),
        sa.Column("birth_on", sa.Date),
        sa.Column("website", sa.Text),
        sa.Column("preferences", postgresql.JSONB, nullable=False),
        sa.Column("language", sa.Text),
        sa.Column("time_zone", sa.Text),
        sa.Column("country", sa.Text),
        sa.Column("owner_id", sa.Uuid),
        sa.Column("team_ids", postgresql.JSONB, nullable=False),
        sa.Column("roles", postgresql.JSONB, nullable=False),
        sa.Column("lifecycle", sa.Text, nullable=False),
        sa.Column("lifecycle_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("industry", sa.Text),
        sa.Column("size_band", sa.Text),
        sa.Column("preferred_channel", sa.Text),
        sa.Column("preferred_agent_id", sa.Uuid),
        sa.Column("persona", sa.Text),
        sa.Column("potential_minor", sa.BigInteger),
        sa.Column("currency", sa.Text),
        sa.Column("origin", postgresql.JSONB, nullable=False),
        sa.Column("tags", postgresql.JSONB, nullable=False),
        sa.Column("external_ids", postgresql.JSONB, nullable=False),
    )
    op.create_index("ix_contact_created", "contact", ["tenant_id", "created_at", "id"])
    op.create_index("ix_contact_updated", "contact", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_contact_name", "contact", ["tenant_id", "display_name", "id"])
    op.create_table(
        "contact_point",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("contact_id", sa.Uuid, primary_key=True),
    )
    protect("contact")
    protect("contact_point")


def downgrade() -> None:
    op.drop_table("contact_point")
    op.drop_table("contact")
