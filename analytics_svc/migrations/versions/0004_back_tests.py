"""Back-tests."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "analytics_0004"
down_revision = "analytics_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "back_test",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("model_id", sa.Uuid, primary_key=True),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("report", postgresql.JSONB, nullable=False),
        sa.Column("plot", sa.LargeBinary, nullable=False),
    )
    protect("back_test")


def downgrade() -> None:
    op.drop_table("back_test")
