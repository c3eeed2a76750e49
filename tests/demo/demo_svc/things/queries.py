"""Reading things."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Thing

FIELDS: FilterFields = {
    "id": Field("id", Thing.id),
    "label": Field("text", Thing.label),
    "amount_minor": Field("number", Thing.amount_minor),
    "status": Field("choice", Thing.status),
    "created_at": Field("instant", Thing.created_at),
}
ORDERS = {"created_at": Order(Thing.created_at, datetime), "amount_minor": Order(Thing.amount_minor, int)}


async def get_thing(session: AsyncSession, thing_id: UUID, *, lock: bool = False) -> Thing:
    """The thing, locked for a change if asked. Raises NotFound."""
    thing = await session.get(Thing, thing_id, with_for_update=lock or None)
    if thing is None:
        raise NotFound(f"There is no thing {thing_id}")
    return thing


async def list_things(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the things that are not archived."""
    statement = filtered(unarchived(Thing), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Thing.id, orders=ORDERS, default="-created_at")
