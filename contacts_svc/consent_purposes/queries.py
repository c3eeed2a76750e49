"""Reading consent purposes."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import ConsentPurpose

FIELDS: FilterFields = {
    "id": Field("id", ConsentPurpose.id),
    "key": Field("choice", ConsentPurpose.key),
    "name": Field("text", ConsentPurpose.name),
    "channels": Field("tags", ConsentPurpose.channels),
    "created_at": Field("instant", ConsentPurpose.created_at),
}
ORDERS = {"created_at": Order(ConsentPurpose.created_at, datetime), "key": Order(ConsentPurpose.key, str)}


async def get_purpose(session: AsyncSession, purpose_id: UUID, *, lock: bool = False) -> ConsentPurpose:
    """The purpose, locked for a change if asked. Raises NotFound."""
    purpose = await session.get(ConsentPurpose, purpose_id, with_for_update=lock or None)
    if purpose is None:
        raise NotFound(f"There is no consent purpose {purpose_id}")
    return purpose


async def find_purposes(session: AsyncSession, keys: Collection[str]) -> Mapping[str, ConsentPurpose]:
    """Those of the purposes that exist, by key."""
    found = await session.scalars(select(ConsentPurpose).where(ConsentPurpose.key.in_(keys)))
    return {purpose.key: purpose for purpose in found}


async def list_purposes(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the purposes that are not archived."""
    statement = filtered(unarchived(ConsentPurpose), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=ConsentPurpose.id, orders=ORDERS, default="-created_at")
