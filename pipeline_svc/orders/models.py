"""The table of orders."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Computed, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Order(Record, Base):
    """An order with its lines, whose descriptions are owner-held: they never enter an event.

    The table has the plural's name because ORDER is a word of SQL.
    """

    __tablename__ = "orders"
    __table_args__ = (
        Index("uq_orders_number", "tenant_id", "number", unique=True),
        Index("ix_orders_created", "tenant_id", "created_at", "id"),
        Index("ix_orders_updated", "tenant_id", "updated_at", "id"),
        Index("ix_orders_placed", "tenant_id", "placed_or_created_at", "id"),
        Index("ix_orders_total", "tenant_id", "total_minor", "id"),
        Index("ix_orders_contact", "tenant_id", "contact_id", "created_at", "id"),
    )
    number: Mapped[str]
    contact_id: Mapped[UUID]
    placed_at: Mapped[datetime | None]
    placed_on: Mapped[date | None]
    placed_or_created_at: Mapped[datetime] = mapped_column(Computed("COALESCE(placed_at, created_at)", persisted=True))
    currency: Mapped[str]
    lines: Mapped[list[dict[str, Any]]]
    total_minor: Mapped[int]
    margin_minor: Mapped[int | None]
    paid_minor: Mapped[int]
    refunded_minor: Mapped[int]
    status: Mapped[str]
    payment_status: Mapped[str]
    fulfilment_status: Mapped[str]
    channel: Mapped[str | None]
    call_id: Mapped[UUID | None]
    opportunity_id: Mapped[UUID | None]
    quote_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    referral_code: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    is_test: Mapped[bool]
    tags: Mapped[list[str]]
    external_ids: Mapped[list[dict[str, Any]]]
