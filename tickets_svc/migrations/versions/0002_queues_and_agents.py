"""Queues, agents with their presence, and what tickets know of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "tickets_0002"
down_revision = "tickets_0001"
branch_labels = None
depends_on = None

LIVE = "status NOT IN ('resolved', 'closed')"
WAITING = "assignee_id IS NULL AND archived_at IS NULL AND status IN ('new', 'open')"


def _record() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
    ]


def upgrade() -> None:
    op.add_column("ticket", sa.Column("value_at_risk_minor", sa.BigInteger(), nullable=True))
    op.create_index("ix_ticket_waiting", "ticket", ["tenant_id", "queue_id", "opened_at", "id"], postgresql_where=sa.text(WAITING))
    op.create_index("ix_ticket_assignee", "ticket", ["tenant_id", "assignee_id"], postgresql_where=sa.text(LIVE))
    op.create_table(
        "queue",
        *_record(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tier", sa.BigInteger(), nullable=True),
        sa.Column("team_ids", postgresql.JSONB(), nullable=False),
        sa.Column("pull_by", sa.Text(), nullable=False),
        sa.Column("fairness_floor_minutes", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
    )
    op.create_index("ix_queue_created", "queue", ["tenant_id", "created_at", "id"])
    op.create_index("ix_queue_updated", "queue", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_queue_name", "queue", ["tenant_id", "name", "id"])
    op.create_table(
        "agent",
        *_record(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("skills", postgresql.JSONB(), nullable=False),
        sa.Column("languages", postgresql.JSONB(), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
    )
    op.create_index("uq_agent_user", "agent", ["tenant_id", "user_id"], unique=True)
    op.create_index("ix_agent_created", "agent", ["tenant_id", "created_at", "id"])
    op.create_index("ix_agent_updated", "agent", ["tenant_id", "updated_at", "id"])
    op.create_table(
        "agent_presence",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "agent_id", name=op.f("pk_agent_presence")),
    )
    for table in ("queue", "agent", "agent_presence"):
        protect(table)


def downgrade() -> None:
    for table in ("agent_presence", "agent", "queue"):
        op.drop_table(table)
    op.drop_index("ix_ticket_assignee", "ticket")
    op.drop_index("ix_ticket_waiting", "ticket")
    op.drop_column("ticket", "value_at_risk_minor")
