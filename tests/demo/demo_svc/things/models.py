"""The table of things, and the silent tally that its own events feed."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Record


class Thing(Record, Base):
    """A thing. `secret` is owner-held: it never enters an event."""

    __tablename__ = "thing"
    __table_args__ = (
        Index("ix_thing_created", "tenant_id", "created_at", "id"),
        Index("ix_thing_amount", "tenant_id", "amount_minor", "id"),
    )
    label: Mapped[str]
    amount_minor: Mapped[int]
    status: Mapped[str]
    secret: Mapped[str | None]
    external_ids: Mapped[list[dict[str, Any]]]


class ThingTally(Base):
    """How many events of each thing were handled, and in which order: what the tests of the consumer look at."""

    __tablename__ = "thing_tally"
    silent = True
    thing_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    sequences: Mapped[list[str]]
