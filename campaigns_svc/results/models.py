"""The table of orders as results know them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base


class GoalOrder(Base):
    """An order as its last event left it: whose, when, and what of its money stayed. A projection of pipeline's events."""

    __tablename__ = "goal_order"
    __table_args__ = (Index("ix_goal_order_contact", "tenant_id", "contact_id", "placed_at"),)
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID]
    placed_at: Mapped[datetime]
    currency: Mapped[str]
    amount_minor: Mapped[int]
