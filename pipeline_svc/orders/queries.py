"""Reading orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived
from services.tenants import get_tenant

from . import models

FIELDS: FilterFields = {
    "id": Field("id", models.Order.id),
    "number": Field("text", models.Order.number),
    "contact_id": Field("id", models.Order.contact_id),
    "status": Field("choice", models.Order.status),
    "payment_status": Field("choice", models.Order.payment_status),
    "fulfilment_status": Field("choice", models.Order.fulfilment_status),
    "placed_on": Field("date", models.Order.placed_on),
    "placed_at": Field("instant", models.Order.placed_at),
    "total_minor": Field("number", models.Order.total_minor),
    "currency": Field("choice", models.Order.currency),
    "channel": Field("choice", models.Order.channel),
    "owner_id": Field("id", models.Order.owner_id),
    "is_test": Field("boolean", models.Order.is_test),
    "tags": Field("tags", models.Order.tags),
    "created_at": Field("instant", models.Order.created_at),
    "updated_at": Field("instant", models.Order.updated_at),
}
ORDERS = {
    "created_at": Order(models.Order.created_at, datetime),
    "updated_at": Order(models.Order.updated_at, datetime),
    "placed_at": Order(models.Order.placed_or_created_at, datetime),  # a draft stands where it was created
    "total_minor": Order(models.Order.total_minor, int),
}


async def get_order(session: AsyncSession, order_id: UUID, *, lock: bool = False) -> models.Order:
    """The order, locked for a change if asked. Raises NotFound."""
    order = await session.get(models.Order, order_id, with_for_update=lock or None)
    if order is None:
        raise NotFound(f"There is no order {order_id}")
    return order


async def list_orders(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the orders that are not archived; dates in the filter are those of the tenant's zone."""
    at = now(session)
    if query.filter:
        at = at.astimezone(ZoneInfo((await get_tenant(session)).time_zone))
    statement = filtered(unarchived(models.Order), query, FIELDS, bindings=Bindings(me, at))
    return await fetch_page(session, statement, query, id_column=models.Order.id, orders=ORDERS, default="-created_at")


async def find_orders(session: AsyncSession, order_ids: Sequence[UUID]) -> dict[UUID, models.Order]:
    """Those of the orders that exist, as they stand now: unlocked rows that read like orders and cannot be changed."""
    if not order_ids:
        return {}
    table = models.Order.__table__
    found = await session.execute(select(table).where(table.c.id.in_(order_ids)))
    return {row.id: cast("models.Order", row) for row in found}
