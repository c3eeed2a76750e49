"""The flusher: moves facts into the Delta table batch by batch, so that a kill at any step neither loses nor repeats a row.

The argument. A batch is first stamped in PostgreSQL and committed: from then on it is fixed which rows it is. Then it is appended, unless
the table already holds it. A kill before the commit leaves rows without a stamp; one after it leaves a stamped batch that is missing from
the table, which the next flusher appends before it stamps another; one after the append leaves a batch that the table says it holds.
"""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from analytics_svc.history import lake
from services.failpoints import reach

BATCH = 50_000
LOCK_SPACE = 7108
LOCK = f"SELECT pg_try_advisory_lock({LOCK_SPACE}, 1)"
UNLOCK = f"SELECT pg_advisory_unlock({LOCK_SPACE}, 1)"
SET_TENANT = "SELECT set_config('mitra.tenant', $1, true)"
STAMPED = "SELECT DISTINCT batch_no FROM fact WHERE batch_no > $1"
LAST = "SELECT coalesce(max(batch_no), 0) FROM fact"
STAMP = "UPDATE fact SET batch_no = $1 WHERE ctid = ANY(ARRAY(SELECT ctid FROM fact WHERE batch_no IS NULL LIMIT $2))"
READ = f"SELECT {lake.COLUMNS} FROM fact WHERE batch_no = $1 ORDER BY subject, sequence"  # noqa: S608 - our own columns
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def only_one(connection: Connection) -> AsyncIterator[bool]:
    """Whether this session is the only one that changes the table: the lock is held until the end, or until its connection is gone."""
    held = bool(await connection.fetchval(LOCK))
    try:
        yield held
    finally:
        if held and not connection.is_closed():
            await connection.execute(UNLOCK)


async def flush(connection: Connection, folder: Path, *, most: int = BATCH) -> dict[str, Any]:
    """Append what was stamped and is not in the table, then stamp and append the rest, at most `most` rows at a time.

    Answers the rows that were stamped and the batches that were appended; nothing where another flusher is at work.
    """
    done = {"rows": 0, "batches": 0}
    async with only_one(connection) as held:
        if not held:
            return done
        tenants = [row["id"] for row in await connection.fetch("SELECT id FROM tenant ORDER BY id")]
        last = lake.batch_of(lake.opened(folder))
        for batch_no in await _stamped_after(connection, tenants, last):
            done["batches"] += await _append(connection, tenants, folder, batch_no)
            last = batch_no
        last = max(last, await _last_stamped(connection, tenants))
        while stamped := await _stamp(connection, tenants, last + 1, most):
            last += 1
            done["rows"] += stamped
            done["batches"] += await _append(connection, tenants, folder, last)
    return done


async def tidy(connection: Connection, folder: Path) -> dict[str, Any]:
    """Compact and vacuum the table, while no flusher is at work."""
    async with only_one(connection) as held:
        return lake.tidy(folder) if held else {}


async def _stamped_after(connection: Connection, tenants: list[UUID], batch_no: int) -> list[int]:
    found: set[int] = set()
    for tenant_id in tenants:
        async with bound(connection, tenant_id):
            found |= {row["batch_no"] for row in await connection.fetch(STAMPED, batch_no)}
    return sorted(found)


async def _last_stamped(connection: Connection, tenants: list[UUID]) -> int:
    last = 0
    for tenant_id in tenants:
        async with bound(connection, tenant_id):
            last = max(last, await connection.fetchval(LAST))
    return last


async def _stamp(connection: Connection, tenants: list[UUID], batch_no: int, most: int) -> int:
    """Say of up to `most` rows that they are this batch, in one transaction; answers of how many."""
    left = most
    async with connection.transaction():
        for tenant_id in tenants:
            async with bound(connection, tenant_id):
                left -= int((await connection.execute(STAMP, batch_no, left)).rpartition(" ")[2])
        reach("flush.before_commit")
    reach("flush.after_commit")
    return most - left


async def _append(connection: Connection, tenants: list[UUID], folder: Path, batch_no: int) -> bool:
    copied = io.BytesIO()
    for tenant_id in tenants:
        async with bound(connection, tenant_id):
            await connection.copy_from_query(READ, batch_no, output=copied, format="csv")
    return lake.append(folder, lake.rows_of(copied.getvalue()), batch_no)


@asynccontextmanager
async def bound(connection: Connection, tenant_id: UUID) -> AsyncIterator[None]:
    """A transaction (or a part of the running one) that row-level security shows the rows of one tenant and of no other."""
    async with connection.transaction():
        await connection.execute(SET_TENANT, str(tenant_id))
        yield
