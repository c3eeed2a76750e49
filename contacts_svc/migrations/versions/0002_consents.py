"""Consent purposes, consents, and the steps of consents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "contacts_0002"
down_revision = "contacts_0001"
branch_labels = None
depends_on = None


def _record() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("partition_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True)),
    ]


def _step() -> list[sa.Column[object]]:
    return [
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("wording_version", sa.BigInteger, nullable=False),
        sa.Column("wording_language", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("proof", postgresql.JSONB),
        sa.Column("address_seen", sa.Text),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("due_at", sa.DateTime(timezone=True)),
    ]


def upgrade() -> None:
    op.create_table(
        "consent_purpose",
        *_record(),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("channels", postgresql.JSONB, nullable=False),
        sa.Column("valid_days", sa.BigInteger),
        sa.Column("wordings", postgresql.JSONB, nullable=False),
        sa.Column("external_ids", postgresql.JSONB, nullable=False),
    )
    op.create_index("uq_consent_purpose_key", "consent_purpose", ["tenant_id", "key"], unique=True)
    op.create_index("ix_consent_purpose_created", "consent_purpose", ["tenant_id", "created_at", "id"])
    op.create_table(
        "consent",
        *_record(),
        sa.Column("contact_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("topic_id", sa.Uuid),
        *_step(),
    )
    place = ["tenant_id", "contact_id", "purpose", "channel", "topic_id"]
    op.create_index("uq_consent_place", "consent", place, unique=True, postgresql_nulls_not_distinct=True)
    op.create_index("ix_consent_created", "consent", ["tenant_id", "created_at", "id"])
    op.create_index("ix_consent_updated", "consent", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_consent_due", "consent", ["tenant_id", "due_at"], postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "consent_step",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("consent_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        *_step(),
    )
    for table in ("consent_purpose", "consent", "consent_step"):
        protect(table)


def downgrade() -> None:
    for table in ("consent_step", "consent", "consent_purpose"):
        op.drop_table(table)
