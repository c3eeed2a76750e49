"""Rebuilding the facts from the log: all that the consumer has applied, read again from the first event on. Only the command loads this."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from analytics_svc.consumers import HANDLERS
from analytics_svc.customers.operations import on_order, on_signal
from analytics_svc.facts.operations import order_fact, signal_fact
from analytics_svc.history import lake
from analytics_svc.history.flushing import LOCK_SPACE, SET_TENANT, Connection
from analytics_svc.rebuilds.orders import Row, order_event
from services.bus import Bus, Place, Received
from services.bus.opening import open_bus
from services.deliveries import Delivery
from services.encoding import encode
from services.envelope import UndecodableEvent
from services.failpoints import reach
from services.settings import Settings, plain_url

AT_ONCE = 5_000
A_BREATH = 500
WAIT_SECONDS = 30.0
CONSUMER = "analytics"
NO_FLUSHER = f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, 1)"
NO_CONSUMER = "LOCK TABLE consumer_offset IN SHARE ROW EXCLUSIVE MODE"
"""Not only the rows: a topic that is read for the first time would add one."""
APPLIED = "SELECT topic, partition, next_offset FROM consumer_offset WHERE consumer = $1"
PARKED = "SELECT tenant_id, subject, sequence FROM parked WHERE consumer = $1"
COLUMNS = (
    *("tenant_id", "subject", "sequence", "kind", "contact_id", "occurred_at", "occurred_on", "recorded_at", "currency"),
    *("amount_minor", "margin_minor", "attributes"),
)
LISTED = ", ".join(COLUMNS)
STAGE = f"CREATE TEMPORARY TABLE replayed ON COMMIT DROP AS SELECT {LISTED} FROM fact WITH NO DATA"  # noqa: S608 - our own columns
ADD = f"INSERT INTO fact ({LISTED}) SELECT {LISTED} FROM replayed WHERE tenant_id = $1 ON CONFLICT DO NOTHING"  # noqa: S608
FACT_OF: dict[str, Callable[[Delivery], dict[str, Any] | None]] = {
    contract.type: order_fact if on_order in handlers else signal_fact
    for contract, handlers in HANDLERS.items()
    if on_order in handlers or on_signal in handlers
}
Key = tuple[UUID, str, int]


class LogEndsEarly(RuntimeError):
    """The log does not hold what the consumer has applied."""


@dataclass
class Replayed:
    """How far a replay has come: events of the log, of how many, and the facts that they gave."""

    total: int = 0
    events: int = 0
    facts: int = 0


async def rebuild_facts(settings: Settings, folder: Path, show: Callable[[Replayed], None]) -> Replayed:
    """Forget every fact and the Delta table, and make the facts anew from the log, in one transaction; `show` hears of each part.

    Its locks keep the flusher away, and hold the consumer where it is: what comes meanwhile is applied afterwards. Events that are parked
    are left out, since they were not applied. The Delta table goes before the commit: a kill between the two leaves the old facts
    without a table, which the next flush fills again. Raises LogEndsEarly and what a lost connection raises; then everything is as it was.
    """
    named = {"application_name": "mitra rebuild facts", "jit": "off"}
    connection = await asyncpg.connect(plain_url(settings.database(CONSUMER)), server_settings=named)
    try:
        async with open_bus(settings.bus_url) as bus, connection.transaction():
            await connection.execute(NO_FLUSHER)
            await connection.execute(NO_CONSUMER)
            ends = {(topic, partition): end for topic, partition, end in await connection.fetch(APPLIED, CONSUMER)}
            parked: set[Key] = {tuple(row) for row in await connection.fetch(PARKED, CONSUMER)}
            for tenant in await connection.fetch("SELECT id FROM tenant ORDER BY id"):
                await connection.execute(SET_TENANT, str(tenant["id"]))
                await connection.execute("DELETE FROM fact")
            reach("rebuild.emptied")
            await connection.execute(STAGE)
            done = Replayed(total=sum(ends.values()))
            async with aclosing(_ahead(_read(bus, ends))) as parts:
                await _replay(connection, parts, parked, done, show)
            lake.forget(folder)
            reach("rebuild.before_commit")
        reach("rebuild.after_commit")
    finally:
        await connection.close()
    return done


async def _replay(
    connection: Connection, parts: AsyncGenerator[list[Received]], parked: set[Key], done: Replayed, show: Callable[[Replayed], None]
) -> None:
    """Three at once: the database writes a part, the next one is decoded, and the one after that is read."""
    writing: asyncio.Task[int] | None = None
    try:
        async for records in parts:
            rows = await _rows(records, parked)
            if writing is not None:
                done.facts += await writing
            writing = asyncio.create_task(_write(connection, rows))
            done.events += len(records)
            show(done)
        if writing is not None:
            done.facts += await writing
            show(done)
    finally:  # nothing may still run on the connection when its transaction ends
        if writing is not None:
            await asyncio.gather(writing, return_exceptions=True)


async def _read(bus: Bus, ends: dict[Place, int]) -> AsyncGenerator[list[Received]]:
    for place, end in sorted(ends.items()):
        position = 0
        while position < end:
            records = await bus.read({place: position}, limit=min(AT_ONCE, end - position), wait_seconds=WAIT_SECONDS)
            if not records:
                raise LogEndsEarly(f"{place[0]}/{place[1]} ends at {position}; {end} were applied")
            position = records[-1].offset + 1
            yield records


async def _ahead(parts: AsyncGenerator[list[Received]]) -> AsyncGenerator[list[Received]]:
    """The same parts, each read while the one before it is in use."""
    following = asyncio.ensure_future(anext(parts, None))
    try:
        while (part := await following) is not None:
            following = asyncio.ensure_future(anext(parts, None))
            yield part
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _rows(records: Sequence[Received], parked: set[Key]) -> list[Row]:
    """The facts of those events that give one, letting the reading and the writing move on every few hundred."""
    found: list[Row] = []
    for start in range(0, len(records), A_BREATH):
        for record in records[start : start + A_BREATH]:
            row = row_of(record.event, parked)
            if row is not None:
                found.append(row)
        await asyncio.sleep(0)
    return found


def row_of(event: str, parked: set[Key]) -> Row | None:
    """The fact of an event in the order of COLUMNS, or None where it gives none: orders in the short way, what is left in the long one."""
    order = order_event(event)
    if order is None or FACT_OF.get(order.type) is not order_fact:
        return long_way(event, parked)
    if parked and (order.tenant_id, order.subject, order.sequence) in parked:
        return None
    try:
        return order.row()
    except ValueError:
        return long_way(event, parked)


def long_way(event: str, parked: set[Key]) -> Row | None:
    """As the consumer does it. What cannot be decoded gave no fact the first time either."""
    try:
        delivery = Delivery.decode(event)
    except UndecodableEvent:
        return None
    envelope = delivery.envelope
    make = FACT_OF.get(envelope.type)
    if make is None or (parked and (*delivery.key, envelope.sequence) in parked):
        return None
    fact = make(delivery)
    if fact is None:
        return None
    fact["occurred_on"] = date.fromisoformat(str(fact["occurred_on"]))
    fact["attributes"] = encode(fact["attributes"]).decode()
    return (envelope.tenant_id, *map(fact.get, COLUMNS[1:]))


async def _write(connection: Connection, rows: list[Row]) -> int:
    """Answers how many were new: the log may repeat an event. By way of a table without row-level security, which COPY asks for."""
    await connection.copy_records_to_table("replayed", records=rows, columns=COLUMNS)
    written = 0
    for tenant_id in sorted({row[0] for row in rows}):
        await connection.execute(SET_TENANT, str(tenant_id))
        written += int((await connection.execute(ADD, tenant_id)).rpartition(" ")[2])
    await connection.execute("TRUNCATE replayed")
    reach("rebuild.part_written")
    return written
