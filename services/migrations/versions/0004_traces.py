"""A job continues the trace of who asked for it."""

import sqlalchemy as sa
from alembic import op

revision = "kit_0004"
down_revision = "kit_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("traceparent", sa.Text, nullable=True))


def downgrade() -> None:
    op.drop_column("job", "traceparent")
