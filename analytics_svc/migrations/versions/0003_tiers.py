"""What is scored and told of churn, and the tiers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "analytics_0003"
down_revision = "analytics_0002"
branch_labels = None
depends_on = None

ORDERED = ("churn_bps", "value_at_risk_minor")
TOLD = ("tier", "churn_bps")
SCORED = ("churn_model_id", "churn_bps", "value_at_risk_minor", "reasons", "tier")


def upgrade() -> None:
    op.add_column("score", sa.Column("churn_model_id", sa.Uuid))
    op.add_column("score", sa.Column("churn_bps", sa.BigInteger))
    op.add_column("score", sa.Column("value_at_risk_minor", sa.BigInteger))
    op.add_column("score", sa.Column("reasons", postgresql.JSONB, nullable=False, server_default="[]"))
    op.alter_column("score", "reasons", server_default=None)
    op.add_column("score", sa.Column("tier", sa.Text))
    for name in ORDERED:
        op.create_index(f"ix_score_{name}", "score", ["tenant_id", name, "contact_id"])
    op.create_index("ix_score_tier", "score", ["tenant_id", "tier", "value_at_risk_minor", "contact_id"])
    op.add_column("published_score", sa.Column("tier", sa.Text))
    op.add_column("published_score", sa.Column("churn_bps", sa.BigInteger))


def downgrade() -> None:
    for name in TOLD:
        op.drop_column("published_score", name)
    for name in SCORED:
        op.drop_column("score", name)
