"""Things and their tally."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "demo_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "thing",
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("secret", sa.Text),
        sa.Column("external_ids", postgresql.JSONB, nullable=False),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("partition_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_thing_created", "thing", ["tenant_id", "created_at", "id"])
    op.create_index("ix_thing_amount", "thing", ["tenant_id", "amount_minor", "id"])
    op.create_table(
        "thing_tally",
        sa.Column("thing_id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("sequences", postgresql.JSONB, nullable=False),
    )
    protect("thing")
    protect("thing_tally")


def downgrade() -> None:
    op.drop_table("thing_tally")
    op.drop_table("thing")
