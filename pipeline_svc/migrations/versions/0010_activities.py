"""Activities."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "pipeline_0010"
down_revision = "pipeline_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("contact_ids", postgresql.JSONB(), nullable=False),
        sa.Column("about", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("about_id", sa.Uuid(), sa.Computed("(about ->> 'id')::uuid", persisted=True), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("initiated_by", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "scheduled_or_created_at",
            sa.DateTime(timezone=True),
            sa.Computed("COALESCE(starts_at, due_at, created_at)", persisted=True),
            nullable=False,
        ),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    op.create_index("ix_activity_created", "activity", ["tenant_id", "created_at", "id"])
    op.create_index("ix_activity_updated", "activity", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_activity_scheduled", "activity", ["tenant_id", "scheduled_or_created_at", "id"])
    op.create_index("ix_activity_contact", "activity", ["tenant_id", "contact_id", "created_at", "id"])
    op.create_index("ix_activity_about", "activity", ["tenant_id", "about_id", "created_at", "id"])
    op.create_index(
        "ix_activity_open",
        "activity",
        ["tenant_id", "owner_id", "scheduled_or_created_at", "id"],
        postgresql_where=sa.text("archived_at IS NULL AND status IN ('planned', 'in_progress')"),
    )
    protect("activity")


def downgrade() -> None:
    op.drop_table("activity")
