"""Reading suppressions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered

from .models import Suppression

FIELDS: FilterFields = {
    "id": Field("id", Suppression.id),
    "channel": Field("choice", Suppression.channel),
    "scope": Field("choice", Suppression.scope),
    "topic_id": Field("id", Suppression.topic_id),
    "reason": Field("choice", Suppression.reason),
    "address_hash": Field("choice", Suppression.address_hash),
    "status": Field("choice", Suppression.status),
    "created_at": Field("instant", Suppression.created_at),
}
ORDERS = {"created_at": Order(Suppression.created_at, datetime)}


async def get_suppression(session: AsyncSession, suppression_id: UUID, *, lock: bool = False) -> Suppression:
    """The suppression, locked for a change if asked. Raises NotFound."""
    suppression = await session.get(Suppression, suppression_id, with_for_update=lock or None)
    if suppression is None:
        raise NotFound(f"There is no suppression {suppression_id}")
    return suppression


async def list_suppressions(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the suppressions, the lifted ones among them."""
    statement = filtered(all_of(Suppression), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Suppression.id, orders=ORDERS, default="-created_at")


async def find_barred(session: AsyncSession, address_hashes: Sequence[str], *, topic_id: UUID | None) -> set[str]:
    """Those of the addresses that nothing may be sent to, or nothing about the topic."""
    of_topic = Suppression.scope == "tenant" if topic_id is None else or_(Suppression.scope == "tenant", Suppression.topic_id == topic_id)
    statement = select(Suppression.address_hash).where(
        Suppression.address_hash.in_(address_hashes), Suppression.status == "active", of_topic
    )
    return set(await session.scalars(statement))
