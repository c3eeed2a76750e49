"""Assignment rules."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "pipeline_0011"
down_revision = "pipeline_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assignment_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("order", sa.BigInteger(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("targets", postgresql.JSONB(), nullable=False),
        sa.Column("max_share_bps", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment_rule")),
    )
    op.create_index("ix_assignment_rule_created", "assignment_rule", ["tenant_id", "created_at", "id"])
    op.create_index("ix_assignment_rule_updated", "assignment_rule", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_assignment_rule_order", "assignment_rule", ["tenant_id", "order", "id"])
    op.create_table(
        "assignment_turn",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "rule_id", "user_id", name=op.f("pk_assignment_turn")),
    )
    op.create_table(
        "assignee",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name=op.f("pk_assignee")),
    )
    protect("assignment_rule")
    protect("assignment_turn")
    protect("assignee")


def downgrade() -> None:
    op.drop_table("assignee")
    op.drop_table("assignment_turn")
    op.drop_table("assignment_rule")
