"""The tables of scores: the present value of every customer, what was told of it, and who is to be scored anew."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Float, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Score(Base):
    """A customer with purchases: statistics and, once models are there, value over the next year and churn, as of one day.

    For lists. `reasons` are the largest parts of the churn, as `customer.scored` carries them.
    """

    __tablename__ = "score"
    __table_args__ = (
        *(
            Index(f"ix_score_{name}", "tenant_id", name, "contact_id")
            for name in ("lifetime_value_minor", "revenue_to_date_minor", "last_on", "p_buys", "churn_bps", "value_at_risk_minor")
        ),
        Index("ix_score_tier", "tenant_id", "tier", "value_at_risk_minor", "contact_id"),
    )
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    as_of: Mapped[date]
    scored_at: Mapped[datetime]
    currency: Mapped[str]
    first_on: Mapped[date]
    last_on: Mapped[date]
    purchase_days: Mapped[int]
    repeat_days: Mapped[int]
    orders: Mapped[int]
    orders_without_rate: Mapped[int]
    revenue_to_date_minor: Mapped[int]
    margin_to_date_minor: Mapped[int]
    value_model_id: Mapped[UUID | None]
    spend_model_id: Mapped[UUID | None]
    lifetime_value_minor: Mapped[int | None]
    expected_spend_minor: Mapped[int | None]
    expected_purchases: Mapped[float | None] = mapped_column(Float(53))
    p_alive: Mapped[float | None] = mapped_column(Float(53))
    p_buys: Mapped[float | None] = mapped_column(Float(53))
    churn_model_id: Mapped[UUID | None]
    churn_bps: Mapped[int | None]
    value_at_risk_minor: Mapped[int | None]
    reasons: Mapped[list[dict[str, Any]]]
    tier: Mapped[str | None]


class PublishedScore(Record, Base):
    """What was last told of a customer; `id` is the contact. Its version is the sequence of customer.scored."""

    __tablename__ = "published_score"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    lifetime_value_minor: Mapped[int]
    currency: Mapped[str]
    tier: Mapped[str | None]
    churn_bps: Mapped[int | None]


class ScoreRequest(Base):
    """A customer whose statistics changed. Rows are only ever added, so that whoever adds them waits for nobody."""

    __tablename__ = "score_request"
    silent = True
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    tenant_id: Mapped[UUID]
    contact_id: Mapped[UUID]
