"""Routing rules, and whose turn it is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "tickets_0003"
down_revision = "tickets_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "routing_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("targets", postgresql.JSONB(), nullable=False),
        sa.Column("fairness_floor_minutes", sa.BigInteger(), nullable=True),
        sa.Column("stop", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_rule")),
    )
    op.create_index("ix_routing_rule_created", "routing_rule", ["tenant_id", "created_at", "id"])
    op.create_index("ix_routing_rule_updated", "routing_rule", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_routing_rule_position", "routing_rule", ["tenant_id", "position", "id"])
    op.create_table(
        "routing_turn",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("rule_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "rule_id", "agent_id", name=op.f("pk_routing_turn")),
    )
    protect("routing_rule")
    protect("routing_turn")


def downgrade() -> None:
    op.drop_table("routing_turn")
    op.drop_table("routing_rule")
