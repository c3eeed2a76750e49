"""Facts in PostgreSQL and in the Delta table, and the flusher in this process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import select, update

from analytics_svc.facts.models import Fact
from analytics_svc.history import flushing, lake
from analytics_svc.settings import history_folder
from services.identifiers import new_id
from services.settings import plain_url
from tests.analytics.make import Order, events_of, publish
from tests.harness import Mitra

FIRST_DAY = date(2025, 11, 3)
Key = tuple[str, str, int]


async def with_orders(mitra: Mitra, tenant_id: UUID, count: int, **fields: Any) -> list[Order]:
    """Orders of as many customers, each twelve days after the one before, as facts."""
    orders = [Order(tenant_id, new_id()).place(FIRST_DAY + timedelta(days=12 * n), 1000 + n, **fields) for n in range(count)]
    await publish(mitra, events_of(orders))
    return orders


def keys_of(orders: Sequence[Order]) -> list[Key]:
    """What the facts of orders are known by."""
    return sorted((str(o.tenant_id), f"order/{o.id}", n) for o in orders for n in range(1, len(o.events) + 1))


@asynccontextmanager
async def connected(mitra: Mitra) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to analytics' database as mitra_app."""
    connection = await asyncpg.connect(plain_url(mitra.settings.database("analytics")))
    try:
        yield connection
    finally:
        await connection.close()


async def flush(mitra: Mitra, **options: Any) -> dict[str, Any]:
    """Flush in this process."""
    async with connected(mitra) as connection:
        return await flushing.flush(connection, history_folder(mitra.settings), **options)


def held(mitra: Mitra) -> list[Key]:
    """What the Delta table holds."""
    table = lake.opened(history_folder(mitra.settings))
    if table is None:
        return []
    rows = table.to_pyarrow_table(columns=["tenant_id", "subject", "sequence"]).to_pylist()
    return sorted((row["tenant_id"], row["subject"], row["sequence"]) for row in rows)


def batch(mitra: Mitra) -> int:
    """The last batch that the Delta table holds."""
    return lake.batch_of(lake.opened(history_folder(mitra.settings)))


async def stamps(mitra: Mitra, tenant_id: UUID) -> list[int | None]:
    """The batches of a tenant's facts, by subject and sequence."""
    async with mitra.session("analytics", tenant_id) as session:
        return list(await session.scalars(select(Fact.batch_no).order_by(Fact.subject, Fact.sequence)))


async def forget_stamps(mitra: Mitra, tenant_id: UUID) -> None:
    """As if nothing had been flushed."""
    async with mitra.session("analytics", tenant_id) as session:
        await session.execute(update(Fact).values(batch_no=None))
        await session.commit()
