"""The append-only table of facts."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base


class Fact(Base):
    """One event that matters to a measure, with the state of its subject after it: ids and amounts only.

    `amount_minor` and `margin_minor` are the subject's own totals after the event (of an order: of all its lines), not what the
    event moved; `attributes` holds the rest of the state. `occurred_on` is the business day of what happened, by its owner. What has
    no amount (a ticket, a mail, a visit) has 0 of the currency XXX, as ISO 4217 says it. `batch_no` says with which batch a fact went to
    the history tier; nothing else of a row ever changes.
    """

    __tablename__ = "fact"
    __table_args__ = (
        Index("ix_fact_contact", "tenant_id", "contact_id"),
        Index("ix_fact_batch", "tenant_id", "batch_no"),
        Index("ix_fact_signal", "tenant_id", "contact_id", postgresql_where=text("NOT starts_with(kind, 'order.')")),
    )
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    contact_id: Mapped[UUID]
    occurred_at: Mapped[datetime]
    occurred_on: Mapped[date]
    recorded_at: Mapped[datetime]
    currency: Mapped[str]
    amount_minor: Mapped[int]
    margin_minor: Mapped[int | None]
    attributes: Mapped[dict[str, Any]]
    batch_no: Mapped[int | None]
