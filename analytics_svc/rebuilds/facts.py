"""Rebuilding the facts from the log: all that the consumer has applied, read again from the first event on. Only the command loads this."""

import asyncio
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.consumers import HANDLERS
from analytics_svc.customers.operations import on_order, on_signal
from analytics_svc.facts.models import Fact
from analytics_svc.facts.operations import ADD, order_fact, signal_fact
from analytics_svc.history.flushing import LOCK_SPACE
from services.bus import Bus, Place, Received
from services.bus.opening import open_bus
from services.consumer import ConsumerOffset
from services.database import Context, Database, bind_tenant
from services.deliveries import Delivery
from services.encoding import encode
from services.envelope import UndecodableEvent
from services.parking import Parked
from services.settings import Settings
from services.tenants import Tenant

AT_ONCE = 5_000
WAIT_SECONDS = 30.0
CONSUMER = "analytics"
NO_FLUSHER = text(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, 1)")
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
    database = Database(settings.database(CONSUMER), pool_size=1, application_name="mitra rebuild facts")
    try:
        async with open_bus(settings.bus_url) as bus, database.session() as session:
            await session.execute(NO_FLUSHER)
            ends = await _applied_places(session)
            parked = await _parked(session)
            for tenant_id in await session.scalars(select(Tenant.id).order_by(Tenant.id)):
                await bind_tenant(session, _as(tenant_id))
                await session.execute(delete(Fact))
            done = Replayed(total=sum(ends.values()))
            await _replay(session, bus, ends, parked, done, show)
            shutil.rmtree(folder, ignore_errors=True)
            await session.commit()
    finally:
        await database.close()
    return done


async def _replay(
    session: AsyncSession, bus: Bus, ends: dict[Place, int], parked: set[Key], done: Replayed, show: Callable[[Replayed], None]
) -> None:
    """The next part is read and decoded while the database still writes the last one."""
    writing: asyncio.Task[int] | None = None
    try:
        async for records in _read(bus, ends):
            facts = facts_of(_decoded(records), parked)
            if writing is not None:
                done.facts += await writing
            writing = asyncio.create_task(_write(session, facts))
            done.events += len(records)
            show(done)
        if writing is not None:
            done.facts += await writing
            show(done)
    finally:  # nothing may still run on the session when it is closed
        if writing is not None:
            await asyncio.gather(writing, return_exceptions=True)


async def _read(bus: Bus, ends: dict[Place, int]) -> AsyncIterator[list[Received]]:
    for place, end in sorted(ends.items()):
        position = 0
        while position < end:
            records = await bus.read({place: position}, limit=min(AT_ONCE, end - position), wait_seconds=WAIT_SECONDS)
            if not records:
                raise LogEndsEarly(f"{place[0]}/{place[1]} ends at {position}; {end} were applied")
            position = records[-1].offset + 1
            yield records


def _decoded(records: Sequence[Received]) -> Iterable[Delivery]:
    """What cannot be decoded gave no fact the first time either."""
    for record in records:
        try:
            yield Delivery.decode(record.event)
        except UndecodableEvent:
            continue


def facts_of(deliveries: Iterable[Delivery], parked: set[Key]) -> dict[UUID, list[dict[str, Any]]]:
    """The facts of those events that give one, by tenant."""
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for delivery in deliveries:
        make = FACT_OF.get(delivery.envelope.type)
        if make is None or (parked and (*delivery.key, delivery.envelope.sequence) in parked):
            continue
        fact = make(delivery)
        if fact is not None:
            found[delivery.envelope.tenant_id].append(fact)
    return found


async def _write(session: AsyncSession, facts: dict[UUID, list[dict[str, Any]]]) -> int:
    """Answers how many were new: the log may repeat an event."""
    written = 0
    for tenant_id, of_tenant in sorted(facts.items()):
        await bind_tenant(session, _as(tenant_id))
        added = await session.execute(ADD, {"tenant_id": tenant_id, "facts": encode(of_tenant).decode()})
        written += added.rowcount  # type: ignore[attr-defined]
    return written


async def _applied_places(session: AsyncSession) -> dict[Place, int]:
    """How far the consumer has applied each partition; it cannot go further before this transaction ends."""
    rows = await session.scalars(select(ConsumerOffset).where(ConsumerOffset.consumer == CONSUMER).with_for_update())
    return {(row.topic, row.partition): row.next_offset for row in rows}


async def _parked(session: AsyncSession) -> set[Key]:
    rows = await session.execute(select(Parked.tenant_id, Parked.subject, Parked.sequence).where(Parked.consumer == CONSUMER))
    return {(row.tenant_id, row.subject, row.sequence) for row in rows}


def _as(tenant_id: UUID) -> Context:
    return Context(tenant_id, "system:analytics_svc", "rebuild")
