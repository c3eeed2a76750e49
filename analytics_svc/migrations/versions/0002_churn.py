"""The spend of the last purchase day, and facts of other kinds than orders."""

import sqlalchemy as sa
from alembic import op

revision = "analytics_0002"
down_revision = "analytics_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customer_stats", sa.Column("last_spend_minor", sa.BigInteger, nullable=False, server_default="0"))
    op.alter_column("customer_stats", "last_spend_minor", server_default=None)
    op.create_index(
        "ix_fact_signal", "fact", ["tenant_id", "contact_id"], postgresql_where=sa.text("NOT starts_with(kind, 'order.')")
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_fact_signal")
    op.drop_column("customer_stats", "last_spend_minor")
