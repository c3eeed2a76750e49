"""The orders that results are measured by."""

import sqlalchemy as sa
from alembic import op

from services.migrating import protect

revision = "campaigns_0003"
down_revision = "campaigns_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "goal_order",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", name=op.f("pk_goal_order")),
    )
    op.create_index("ix_goal_order_contact", "goal_order", ["tenant_id", "contact_id", "placed_at"])
    for table in ("goal_order",):
        protect(table)


def downgrade() -> None:
    op.drop_table("goal_order")
