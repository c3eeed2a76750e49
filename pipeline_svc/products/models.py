"""The table of products."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Product(Record, Base):
    """Something that is sold, known by its sku."""

    __tablename__ = "product"
    __table_args__ = (
        Index("uq_product_sku", "tenant_id", "sku", unique=True),
        Index("ix_product_created", "tenant_id", "created_at", "id"),
        Index("ix_product_updated", "tenant_id", "updated_at", "id"),
        Index("ix_product_name", "tenant_id", "name", "id"),
    )
    sku: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    line: Mapped[str | None]
    tier: Mapped[int | None]
    unit: Mapped[str | None]
    unit_cost_minor: Mapped[int | None]
    currency: Mapped[str | None]
    tax_bps: Mapped[int | None]
    warranty_months: Mapped[int | None]
    service_interval_months: Mapped[int | None]
    expected_life_months: Mapped[int | None]
    brand: Mapped[str | None]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]
