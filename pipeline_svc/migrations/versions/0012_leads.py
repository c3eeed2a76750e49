"""Leads."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "pipeline_0012"
down_revision = "pipeline_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lead",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("form_submission_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("interest", sa.Text(), nullable=True),
        sa.Column("expected_amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("score_bps", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_response_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disqualify_reason_id", sa.Uuid(), nullable=True),
        sa.Column("opportunity_id", sa.Uuid(), nullable=True),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
    )
    op.create_index("ix_lead_created", "lead", ["tenant_id", "created_at", "id"])
    op.create_index("ix_lead_updated", "lead", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_lead_opened", "lead", ["tenant_id", "opened_at", "id"])
    op.create_index("ix_lead_contact", "lead", ["tenant_id", "contact_id", "created_at", "id"])
    op.create_index(
        "ix_lead_open",
        "lead",
        ["tenant_id", "owner_id", "opened_at", "id"],
        postgresql_where=sa.text("archived_at IS NULL AND status IN ('new', 'working', 'qualified', 'recycled')"),
    )
    protect("lead")


def downgrade() -> None:
    op.drop_table("lead")
