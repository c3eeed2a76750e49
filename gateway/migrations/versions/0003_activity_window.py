"""For how long a tenant's customers count as active."""

import sqlalchemy as sa
from alembic import op

revision = "gateway_0003"
down_revision = "gateway_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("hosted_tenant", sa.Column("activity_window_days", sa.BigInteger, server_default=sa.text("365"), nullable=False))


def downgrade() -> None:
    op.drop_column("hosted_tenant", "activity_window_days")
