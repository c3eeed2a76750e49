"""Reading senders."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Sender

FIELDS: FilterFields = {
    "id": Field("id", Sender.id),
    "name": Field("text", Sender.name),
    "domain": Field("text", Sender.domain),
    "status": Field("choice", Sender.status),
    "created_at": Field("instant", Sender.created_at),
    "updated_at": Field("instant", Sender.updated_at),
}
ORDERS = {"created_at": Order(Sender.created_at, datetime), "updated_at": Order(Sender.updated_at, datetime)}


async def get_sender(session: AsyncSession, sender_id: UUID, *, lock: bool = False) -> Sender:
    """The sender, locked for a change if asked. Raises NotFound."""
    sender = await session.get(Sender, sender_id, with_for_update=lock or None)
    if sender is None:
        raise NotFound(f"There is no sender {sender_id}")
    return sender


async def list_senders(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the senders that are not archived."""
    statement = filtered(unarchived(Sender), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Sender.id, orders=ORDERS, default="-created_at")
