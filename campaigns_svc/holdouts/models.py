"""The table of holdouts."""

from datetime import date
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Holdout(Record, Base):
    """A share of all contacts that is left alone, picked by a salted hash."""

    __tablename__ = "holdout"
    __table_args__ = (
        Index("ix_holdout_created", "tenant_id", "created_at", "id"),
        Index("ix_holdout_updated", "tenant_id", "updated_at", "id"),
    )
    scope: Mapped[str]
    campaign_id: Mapped[UUID | None]
    share_bps: Mapped[int]
    salt: Mapped[str]
    from_on: Mapped[date]
    until_on: Mapped[date | None]
    status: Mapped[str]
