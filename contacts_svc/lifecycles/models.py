"""The silent tables from which a lifecycle is worked out: the orders of contacts, and what else is known of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base


class ContactOrder(Base):
    """An order as far as it matters here: whose it is, and when it was bought; never, where it is off, given back or a test."""

    __tablename__ = "contact_order"
    __table_args__ = (Index("ix_contact_order_contact", "tenant_id", "contact_id", "bought_at"),)
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID]
    bought_at: Mapped[datetime | None]


class ContactStanding(Base):
    """What else moves a contact: when it last dealt with us, when it was disqualified, and until when its last purchase keeps it active."""

    __tablename__ = "contact_standing"
    __table_args__ = (
        Index("ix_contact_standing_due", "tenant_id", "active_until_at", postgresql_where=text("active_until_at IS NOT NULL")),
    )
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    interacted_at: Mapped[datetime | None]
    disqualified_at: Mapped[datetime | None]
    active_until_at: Mapped[datetime | None]
