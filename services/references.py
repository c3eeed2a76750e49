"""References: what a service keeps of the contacts and scores of others, name-free, from their events.

The one place beside `services/events/` where the kit speaks of a noun, because several services need the very same.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base
from services.deliveries import Delivery


class ContactReference(Base):
    """A contact as another service knows it: whose it is, how it stands, and what analytics last said of it."""

    __tablename__ = "contact_reference"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str | None]
    owner_id: Mapped[UUID | None]
    lifecycle: Mapped[str | None]
    country: Mapped[str | None]
    language: Mapped[str | None]
    archived_at: Mapped[datetime | None]
    lifetime_value_minor: Mapped[int | None]
    currency: Mapped[str | None]
    scored_at: Mapped[datetime | None]


CONTACT_FIELDS = ("kind", "owner_id", "lifecycle", "country", "language", "archived_at")
SCORE_FIELDS = ("lifetime_value_minor", "currency", "scored_at")


async def on_contact(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Keep the public state of each contact after its latest event."""
    await _keep(session, {d.envelope.subject: d for d in deliveries}.values(), CONTACT_FIELDS)


async def on_scored(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Keep the latest score of each customer; the score may arrive before the contact does."""
    await _keep(session, {d.envelope.subject: d for d in deliveries}.values(), SCORE_FIELDS)


async def _keep(session: AsyncSession, deliveries: Any, fields: Sequence[str]) -> None:
    rows = []
    for delivery in deliveries:
        state = delivery.event.state
        row = {name: getattr(state, name) for name in fields}
        rows.append(row | {"contact_id": state.id, "tenant_id": delivery.envelope.tenant_id})
    statement = insert(ContactReference)
    statement = statement.on_conflict_do_update(
        index_elements=[ContactReference.tenant_id, ContactReference.contact_id], set_={name: statement.excluded[name] for name in fields}
    )
    await session.execute(statement, sorted(rows, key=lambda row: row["contact_id"]))
