"""How fast facts are made anew from the log, moved to the Delta table, made into customers again, and asked about everybody."""

import asyncio
import os
import time
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import psutil

from analytics_svc.history import flushing
from analytics_svc.history.children import ask_child
from analytics_svc.rebuilds.customers import rebuild_customers
from analytics_svc.rebuilds.facts import rebuild_facts
from analytics_svc.settings import history_folder
from bench.samples import cpu_seconds
from bench.stage import open_stage, placed_orders
from services.bus import Message
from services.identifiers import new_id
from services.settings import plain_url
from tests.harness import Mitra

EVENTS = int(os.environ.get("MITRA_BENCH_FACTS", "1000000"))
CUSTOMERS = 50_000
MADE = 20_000
AT_ONCE = 10_000


class Spent(NamedTuple):
    """What a piece of work took: by the clock, and of all processors in all processes."""

    seconds: float
    cpu_seconds: float


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
        *_rate("events of the log rebuilt to facts", facts, read, 50_000),
        *_rate("facts flushed into the Delta table", flushed, read, 10_000),
        *_rate("facts rebuilt to customers", customers, read, 200_000),
        {
            "what": f"orders by month and cohort of {EVENTS:,} facts, seconds",
            "measured": question.seconds,
            "baseline": nothing.seconds,
            "baseline_is": "the same about a tenant without facts: a child process and its libraries, seconds",
            "bar": "≤ 10",
            "holds": question.seconds <= 10.0,
        },
    ]


async def _timed(work: Any) -> Spent:
    me = psutil.Process()
    spent, started = cpu_seconds(me), time.perf_counter()
    await work
    seconds = time.perf_counter() - started
    await asyncio.sleep(0.1)  # the server takes account of a connection that has ended
    return Spent(seconds, cpu_seconds(me) - spent)


def _rate(what: str, spent: Spent, reading: Spent, bar: int) -> list[dict[str, Any]]:
    rate = EVENTS / spent.seconds
    per_event, read = (1e6 * each.cpu_seconds / EVENTS for each in (spent, reading))
    found = [
        {"what": f"{what}, a second", "measured": rate, "baseline": EVENTS / reading.seconds, "bar": f"≥ {bar:,}", "holds": rate >= bar},
        {"what": f"{what}, CPU µs each over all processes", "measured": per_event, "baseline": read, "bar": "reported", "holds": True},
    ]
    return [row | {"baseline_is": "reading the log alone"} for row in found]


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
