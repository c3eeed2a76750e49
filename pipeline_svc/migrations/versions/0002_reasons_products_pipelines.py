"""Reasons, products and pipelines."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.migrating import protect

revision = "pipeline_0002"
down_revision = "pipeline_0001"
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
        "reason",
        *_record(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reason")),
    )
    op.create_index("ix_reason_created", "reason", ["tenant_id", "created_at", "id"])
    op.create_index("ix_reason_text", "reason", ["tenant_id", "text", "id"])
    op.create_table(
        "product",
        *_record(),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=True),
        sa.Column("tier", sa.BigInteger(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("unit_cost_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("tax_bps", sa.BigInteger(), nullable=True),
        sa.Column("warranty_months", sa.BigInteger(), nullable=True),
        sa.Column("service_interval_months", sa.BigInteger(), nullable=True),
        sa.Column("expected_life_months", sa.BigInteger(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
    )
    op.create_index("uq_product_sku", "product", ["tenant_id", "sku"], unique=True)
    op.create_index("ix_product_created", "product", ["tenant_id", "created_at", "id"])
    op.create_index("ix_product_updated", "product", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_product_name", "product", ["tenant_id", "name", "id"])
    op.create_table(
        "pipeline",
        *_record(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stages", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline")),
    )
    op.create_index("ix_pipeline_created", "pipeline", ["tenant_id", "created_at", "id"])
    op.create_index("ix_pipeline_name", "pipeline", ["tenant_id", "name", "id"])
    for table in ("reason", "product", "pipeline"):
        protect(table)


def downgrade() -> None:
    op.drop_table("pipeline")
    op.drop_table("product")
    op.drop_table("reason")
