"""The projection of customers: what the facts say of each of them."""

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base


class CustomerStats(Base):
    """The statistics of a contact from whom an order came, as all facts known now give them (see `rules.Statistics`).

    No index but the key: rows change with every batch, and PostgreSQL rewrites a row in place while no indexed column moves.
    A contact whose orders are all drafts, tests, cancelled or refunded keeps a row with zero purchase days.
    """

    __tablename__ = "customer_stats"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str | None]
    first_on: Mapped[date | None]
    last_on: Mapped[date | None]
    purchase_days: Mapped[int]
    repeat_days: Mapped[int]
    spend_days: Mapped[int]
    spend_minor: Mapped[int]
    orders: Mapped[int]
    orders_without_rate: Mapped[int]
    revenue_minor: Mapped[int]
    last_spend_minor: Mapped[int]
    costed_revenue_minor: Mapped[int]
    costed_margin_minor: Mapped[int]
