"""The table of senders."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Sender(Record, Base):
    """In whose name mail goes out. Its addresses and the name on its mail are owner-held: they never enter an event."""

    __tablename__ = "sender"
    __table_args__ = (
        Index("ix_sender_created", "tenant_id", "created_at", "id"),
        Index("ix_sender_updated", "tenant_id", "updated_at", "id"),
    )
    name: Mapped[str]
    from_name: Mapped[str]
    from_address: Mapped[str]
    reply_address: Mapped[str | None]
    domain: Mapped[str]
    per_minute: Mapped[int | None]
    per_day: Mapped[int | None]
    cost_minor: Mapped[int]
    currency: Mapped[str | None]
    status: Mapped[str]
