"""How many events a second the relay moves and the live projection applies, each beside its raw baseline."""

import asyncio
import time
from typing import Any

import asyncpg
import uvloop

from bench.stage import open_stage, placed_orders
from services.consumer import Consumer
from services.identifiers import new_id
from services.settings import plain_url
from tests.harness import Mitra

EVENTS = 20_000
CUSTOMERS = 5_000
FILL_OUTBOX = (
    "INSERT INTO outbox (topic, partition_key, event) SELECT $1, key, event FROM unnest($2::text[], $3::text[]) AS batch (key, event)"
)
RAW_INSERT = """
INSERT INTO bus_record (topic, partition, "offset", event)
SELECT 'raw', 0, place, event FROM unnest($1::text[]) WITH ORDINALITY AS batch (event, place)
"""


async def measure() -> list[dict[str, Any]]:
    """The rows of the table: relay and apply."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        messages = placed_orders(tenant_id, [new_id() for _ in range(CUSTOMERS)], EVENTS)
        return [await _relay(mitra, messages), await _apply(mitra)]


async def fill_log(mitra: Mitra, messages: list[Any]) -> float:
    """Write `messages` into the outbox of pipeline and let its relay publish them; answers how long that took the relay."""
    connection = mitra.relays["pipeline"]
    for start in range(0, len(messages), 5000):
        part = messages[start : start + 5000]
        await connection.execute(FILL_OUTBOX, "crm.pipeline", [m.key for m in part], [m.event for m in part])
    started = time.perf_counter()
    while await mitra.workers["pipeline"].relay.move(connection):
        pass
    return time.perf_counter() - started


async def _relay(mitra: Mitra, messages: list[Any]) -> dict[str, Any]:
    rate = EVENTS / await fill_log(mitra, messages)
    raw = await _raw_insert(mitra, [m.event for m in messages])
    return {
        "what": "relay, events a second",
        "measured": rate,
        "baseline": raw,
        "baseline_is": "one INSERT into the log",
        "bar": "≥ 8,000",
        "holds": rate >= 8_000,
    }


async def _raw_insert(mitra: Mitra, events: list[str]) -> float:
    connection = await asyncpg.connect(plain_url(mitra.settings.database("bus")))
    started = time.perf_counter()
    await connection.execute(RAW_INSERT, events)
    rate = len(events) / (time.perf_counter() - started)
    await connection.execute("DELETE FROM bus_record WHERE topic = 'raw'")
    await connection.close()
    return rate


async def _apply(mitra: Mitra) -> dict[str, Any]:
    consumer: Consumer = mitra.workers["analytics"].consumer
    applied = 0
    started = time.perf_counter()
    while read := await consumer.step(wait_seconds=0.0):
        applied += read
    rate = applied / (time.perf_counter() - started)
    started = time.perf_counter()
    positions = {("crm.pipeline", 0): 0}
    while records := await mitra.workers["pipeline"].relay._bus.read(positions, limit=500, wait_seconds=0.0):
        positions["crm.pipeline", 0] = records[-1].offset + 1
    raw = applied / (time.perf_counter() - started)
    return {
        "what": "live projection apply, events a second",
        "measured": rate,
        "baseline": raw,
        "baseline_is": "reading the log alone",
        "bar": "≥ 10,000",
        "holds": rate >= 10_000,
    }


def rows() -> list[dict[str, Any]]:
    """Measure and answer the rows."""
    return uvloop.run(measure())


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(row)
