"""The table of mailboxes."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from services.database import Base, Record


class Mailbox(Record, Base):
    """An address of ours; it never enters an event."""

    __tablename__ = "mailbox"
    __table_args__ = (
        Index("ix_mailbox_created", "tenant_id", "created_at", "id"),
        Index("ix_mailbox_updated", "tenant_id", "updated_at", "id"),
        Index("ix_mailbox_name", "tenant_id", "name", "id"),
    )
    name: Mapped[str]
    address: Mapped[str]
    queue_id: Mapped[UUID | None]
    status: Mapped[str]
    external_ids: Mapped[list[dict[str, Any]]]
