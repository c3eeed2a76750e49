"""The table of messages."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Message(Record, Base):
    """A message. `text` and `html` are owner-held: they never enter an event."""

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_ticket_happened", "tenant_id", "ticket_id", "happened_at", "id"),
        Index("ix_message_ticket_created", "tenant_id", "ticket_id", "created_at", "id"),
    )
    ticket_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    kind: Mapped[str]
    direction: Mapped[str]
    channel: Mapped[str]
    author_id: Mapped[UUID | None]
    status: Mapped[str]
    happened_at: Mapped[datetime]
    text: Mapped[str]
    html: Mapped[str | None]
    bytes: Mapped[int]
    auto_reply: Mapped[bool]
