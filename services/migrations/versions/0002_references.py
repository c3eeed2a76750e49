"""Scores with tier, churn and value at risk, who took a contact over, and consents, in what a service keeps of others."""

import sqlalchemy as sa
from alembic import op

from services.migrating import protect

revision = "kit_0002"
down_revision = "kit_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact_reference", sa.Column("survivor_id", sa.Uuid()))
    op.add_column("contact_reference", sa.Column("tier", sa.Text()))
    op.add_column("contact_reference", sa.Column("churn_bps", sa.BigInteger()))
    op.add_column("contact_reference", sa.Column("value_at_risk_minor", sa.BigInteger()))
    op.create_table(
        "consent_reference",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("consent_id", sa.Uuid, primary_key=True),
        sa.Column("contact_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("topic_id", sa.Uuid),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_consent_reference_contact", "consent_reference", ["tenant_id", "contact_id"])
    columns = ["tenant_id", "purpose", "channel", "status", "contact_id"]
    op.create_index("ix_consent_reference_status", "consent_reference", columns)
    protect("consent_reference")


def downgrade() -> None:
    op.drop_table("consent_reference")
    for column in ("value_at_risk_minor", "churn_bps", "tier", "survivor_id"):
        op.drop_column("contact_reference", column)
