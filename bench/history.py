"""How fast facts are made anew from the log, moved to the Delta table, made into customers again, and asked about everybody."""

import asyncio
import os
import time
from typing import Any
from uuid import UUID

import asyncpg

from analytics_svc.history import flushing
from analytics_svc.history.children import ask_child
from analytics_svc.rebuilds.customers import rebuild_customers
from analytics_svc.rebuilds.facts import rebuild_facts
from analytics_svc.settings import history_folder
from bench.stage import open_stage, placed_orders
from services.bus import Message
from services.identifiers import new_id
from services.settings import plain_url
from tests.harness import Mitra

EVENTS = int(os.environ.get("MITRA_BENCH_FACTS", "1000000"))
CUSTOMERS = 50_000
MADE = 20_000
AT_ONCE = 10_000


def rows() -> list[dict[str, Any]]:
    """Measure and answer the rows."""
    return asyncio.run(measure())


async def measure() -> list[dict[str, Any]]:
    """A log of order events that analytics has applied, as far as its positions say."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        await _fill_log(mitra, tenant_id)
        folder = history_folder(mitra.settings)
        read = await _timed(_read_log(mitra))
        facts = await _timed(rebuild_facts(mitra.settings, folder, lambda _: None))
        connection = await asyncpg.connect(plain_url(mitra.settings.database("analytics")))
        flushed = await _timed(flushing.flush(connection, folder))
        await connection.close()
        customers = await _timed(rebuild_customers(mitra.settings, folder, lambda *_: None))
        asked = {"tenant_id": tenant_id, "currency": "USD", "as_of": "2099-12-31", "known_at": None, "from": None, "to": None}
        question = await _timed(ask_child(mitra.settings, "orders_by_cohort", asked, seconds=120.0))
        nothing = await _timed(ask_child(mitra.settings, "orders_by_cohort", asked | {"tenant_id": new_id()}, seconds=120.0))
    return [
        _rate("rebuild facts from the log, events a second", facts, read, 50_000),
        _rate("flush into the Delta table, facts a second", flushed, read, 10_000),
        _rate("rebuild customers from the facts, facts a second", customers, read, 200_000),
        {
            "what": f"orders by month and cohort of {EVENTS:,} facts, seconds",
            "measured": question,
            "baseline": nothing,
            "baseline_is": "the same about a tenant without facts: a child process and its libraries, seconds",
            "bar": "≤ 10",
            "holds": question <= 10.0,
        },
    ]


async def _timed(work: Any) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def _rate(what: str, seconds: float, reading: float, bar: int) -> dict[str, Any]:
    rate = EVENTS / seconds
    baseline = {"baseline": EVENTS / reading, "baseline_is": "reading the log alone"}
    return {"what": what, "measured": rate, **baseline, "bar": f"≥ {bar:,}", "holds": rate >= bar}


async def _fill_log(mitra: Mitra, tenant_id: UUID) -> None:
    """Orders as pipeline publishes them: some are made, the others are the same under other ids and of other customers."""
    contacts = [new_id() for _ in range(CUSTOMERS)]
    made = placed_orders(tenant_id, contacts[:MADE], MADE)
    bus = mitra.workers["pipeline"].relay._bus
    for start in range(0, EVENTS, AT_ONCE):
        await bus.publish([_another(made[n % MADE], contacts[n * 7 % CUSTOMERS]) for n in range(start, start + AT_ONCE)])
    async with mitra.databases["analytics"].engine.begin() as connection:
        await connection.exec_driver_sql(f"INSERT INTO consumer_offset VALUES ('analytics', 'crm.pipeline', 0, {EVENTS})")


def _another(message: Message, contact_id: UUID) -> Message:
    order_id = message.event.partition('"subject":"order/')[2][:36]
    was = message.key.partition(":")[2]
    event = message.event.replace(order_id, str(new_id())).replace(was, str(contact_id))
    return Message(message.topic, message.key.replace(was, str(contact_id)), event)


async def _read_log(mitra: Mitra) -> None:
    position = 0
    while records := await mitra.workers["pipeline"].relay._bus.read({("crm.pipeline", 0): position}, limit=5_000, wait_seconds=0.0):
        position = records[-1].offset + 1


if __name__ == "__main__":
    for row in rows():
        print(row)
