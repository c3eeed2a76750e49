"""Opportunities and the stages that they went through."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "pipeline_0003"
down_revision = "pipeline_0010"
branch_labels = None
depends_on = None


def _record() -> list[sa.Column[Any]]:
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
    op.create_table(
        "opportunity",
        *_record(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("contact_roles", postgresql.JSONB(), nullable=False),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("stage_id", sa.Uuid(), nullable=False),
        sa.Column("stage_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("recurring_amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("recurring_interval", sa.Text(), nullable=True),
        sa.Column("probability_bps", sa.BigInteger(), nullable=False),
        sa.Column("probability_source", sa.Text(), nullable=False),
        sa.Column("expected_close_on", sa.Date(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("competitor_ids", postgresql.JSONB(), nullable=False),
        sa.Column("reason_id", sa.Uuid(), nullable=True),
        sa.Column("lines", postgresql.JSONB(), nullable=False),
        sa.Column("splits", postgresql.JSONB(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("team_ids", postgresql.JSONB(), nullable=False),
        sa.Column("stalled_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opportunity")),
    )
    op.create_index("ix_opportunity_created", "opportunity", ["tenant_id", "created_at", "id"])
    op.create_index("ix_opportunity_updated", "opportunity", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_opportunity_opened", "opportunity", ["tenant_id", "opened_at", "id"])
    op.create_index("ix_opportunity_stage_since", "opportunity", ["tenant_id", "stage_since", "id"])
    op.create_index("ix_opportunity_amount", "opportunity", ["tenant_id", "amount_minor", "id"])
    op.create_index("ix_opportunity_contact", "opportunity", ["tenant_id", "contact_id", "created_at", "id"])
    op.create_index("ix_opportunity_owner", "opportunity", ["tenant_id", "owner_id", "created_at", "id"])
    op.create_index(
        "ix_opportunity_open", "opportunity", ["tenant_id", "pipeline_id", "stage_id"], postgresql_where=sa.text("status = 'open'")
    )
    op.create_table(
        "stage_entry",
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("from_stage_id", sa.Uuid(), nullable=True),
        sa.Column("to_stage_id", sa.Uuid(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("opportunity_id", "version", name=op.f("pk_stage_entry")),
    )
    for table in ("opportunity", "stage_entry"):
        protect(table)


def downgrade() -> None:
    op.drop_table("stage_entry")
    op.drop_table("opportunity")
