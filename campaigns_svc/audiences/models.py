"""The table of audiences."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Audience(Record, Base):
    """Whom a campaign is for. Its filters are owner-held: they never enter an event."""

    __tablename__ = "audience"
    __table_args__ = (
        Index("ix_audience_created", "tenant_id", "created_at", "id"),
        Index("ix_audience_updated", "tenant_id", "updated_at", "id"),
    )
    name: Mapped[str]
    include: Mapped[list[str]]
    exclude: Mapped[list[str]]
    size: Mapped[int | None]
    sized_at: Mapped[datetime | None]
    status: Mapped[str]
