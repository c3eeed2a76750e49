"""Facts, customers, models and scores."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "analytics_0001"
down_revision = None
branch_labels = None
depends_on = None


def _record() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("partition_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True)),
    ]


def upgrade() -> None:
    op.create_table(
        "fact",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Uuid, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("occurred_on", sa.Date, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("margin_minor", sa.BigInteger),
        sa.Column("attributes", postgresql.JSONB, nullable=False),
        sa.Column("batch_no", sa.BigInteger),
    )
    op.create_index("ix_fact_contact", "fact", ["tenant_id", "contact_id"])
    op.create_table(
        "customer_stats",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("contact_id", sa.Uuid, primary_key=True),
        sa.Column("currency", sa.Text),
        sa.Column("first_on", sa.Date),
        sa.Column("last_on", sa.Date),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in (
                *("purchase_days", "repeat_days", "spend_days", "spend_minor", "orders", "orders_without_rate"),
                *("revenue_minor", "costed_revenue_minor", "costed_margin_minor"),
            )
        ),
    )
    op.create_table(
        "model",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("family", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("validated", sa.Boolean, nullable=False),
        sa.Column("window_from", sa.Date, nullable=False),
        sa.Column("window_to", sa.Date, nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customers", sa.BigInteger, nullable=False),
        sa.Column("log_likelihood", sa.Text, nullable=False),
        sa.Column("parameters", postgresql.JSONB, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("margin_rate", sa.Text),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        *_record(),
    )
    op.create_index("ix_model_created", "model", ["tenant_id", "created_at", "id"])
    op.create_index("uq_model_champion", "model", ["tenant_id", "kind"], unique=True, postgresql_where=sa.text("status = 'champion'"))
    op.create_table(
        "score",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("contact_id", sa.Uuid, primary_key=True),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("first_on", sa.Date, nullable=False),
        sa.Column("last_on", sa.Date, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("purchase_days", "repeat_days", "orders", "orders_without_rate", "revenue_to_date_minor", "margin_to_date_minor")
        ),
        sa.Column("value_model_id", sa.Uuid),
        sa.Column("spend_model_id", sa.Uuid),
        sa.Column("lifetime_value_minor", sa.BigInteger),
        sa.Column("expected_spend_minor", sa.BigInteger),
        sa.Column("expected_purchases", sa.Float(53)),
        sa.Column("p_alive", sa.Float(53)),
        sa.Column("p_buys", sa.Float(53)),
    )
    for name in ("lifetime_value_minor", "revenue_to_date_minor", "last_on", "p_buys"):
        op.create_index(f"ix_score_{name}", "score", ["tenant_id", name, "contact_id"])
    op.create_table(
        "published_score",
        sa.Column("tenant_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("lifetime_value_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        *_record(),
    )
    op.create_table(
        "score_request",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        sa.Column("contact_id", sa.Uuid, nullable=False),
    )
    for table in ("fact", "customer_stats", "model", "score", "published_score", "score_request"):
        protect(table)


def downgrade() -> None:
    for table in ("score_request", "published_score", "score", "model", "customer_stats", "fact"):
        op.drop_table(table)
