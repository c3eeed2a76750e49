"""Which batch of the history tier a fact belongs to."""

from alembic import op

revision = "analytics_0005"
down_revision = "analytics_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_fact_batch", "fact", ["tenant_id", "batch_no"])


def downgrade() -> None:
    op.drop_index("ix_fact_batch")
