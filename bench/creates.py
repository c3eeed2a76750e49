"""What a create costs in each service beside a raw transaction, and orders in batches beside orders one by one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.asgi import Requests, drive, in_turns, make_requests
from bench.stage import open_stage
from services.identifiers import new_id
from services.settings import plain_url
from tests.harness import Mitra
from tests.pipeline.make_catalogue import create, pipeline

COUNT, TURNS = 500, 12
ORDER = {"currency": "USD", "status": "placed", "lines": [{"quantity": 1, "unit_price_minor": 1177, "category": "music"}]}
TICKET = {"subject_line": "The lamp does not light", "type": "problem", "priority": "high", "channel": "email"}
OPPORTUNITY = {"name": "Light for the whole house", "currency": "USD", "amount_minor": 250_000}
ROW = "INSERT INTO raw_row (id, tenant_id, body, at) VALUES ($1, $2, $3, now())"
TABLES = """
CREATE TABLE raw_row (id uuid PRIMARY KEY, tenant_id uuid, body text, at timestamptz);
CREATE TABLE raw_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text, event text)
"""
EVENT = "INSERT INTO raw_event (key, event) VALUES ($1, $2)"


async def measure() -> list[dict[str, Any]]:
    """The rows of the table."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        return [*await _creates(mitra, tenant_id), await _batches(mitra, tenant_id)]


async def _creates(mitra: Mitra, tenant_id: Any) -> list[dict[str, Any]]:
    """The create of each noun and the raw transaction take turns."""
    sales = (await create(mitra.client("pipeline", mitra.caller(tenant_id)), "pipelines", pipeline()))["id"]
    ours = {
        "order": _posts(mitra, tenant_id, "pipeline", "/v1/orders", ORDER),
        "opportunity": _posts(mitra, tenant_id, "pipeline", "/v1/opportunities", OPPORTUNITY | {"pipeline_id": sales}),
        "ticket": _posts(mitra, tenant_id, "tickets", "/v1/tickets", TICKET),
    }
    async with open_raw(mitra, tenant_id, clients=4) as bare:
        *found, (raw, raw_cpu) = await in_turns([*ours.values(), (bare, as_long(ours["order"][1]))], expected=201, turns=TURNS)
    rows = []
    for noun, (rate, cpu) in zip(ours, found, strict=True):
        rows.append(_row(f"create of {noun} through the service, a second", rate, raw, bar="≥ 0.2 × baseline", holds=rate >= 0.2 * raw))
        rows.append(_row(f"create of {noun}, CPU ms", cpu, raw_cpu, bar="reported", holds=True))
    return rows


def _posts(mitra: Mitra, tenant_id: Any, service: str, path: str, body: dict[str, Any]) -> tuple[ASGIApp, Requests]:
    token = token_of(mitra, tenant_id, service)
    return mitra.apps[service], make_requests("POST", path, token, body | {"contact_id": str(new_id())}, count=COUNT)


def token_of(mitra: Mitra, tenant_id: Any, service: str) -> str:
    """The token of a caller who may do everything in a tenant."""
    return mitra.client(service, mitra.caller(tenant_id)).headers["authorization"].removeprefix("Bearer ")


def as_long(requests: Requests) -> Requests:
    """So many requests of the raw transaction that its turn takes about as long as one of ours: short turns alone find calm moments."""
    return [*requests] * 4


@asynccontextmanager
async def open_raw(mitra: Mitra, tenant_id: Any, *, clients: int) -> AsyncIterator[ASGIApp]:
    """The raw transaction in a bare application, on tables of its own."""
    url = plain_url(mitra.settings.owner_database("pipeline"))
    async with asyncpg.create_pool(url, min_size=clients, max_size=clients) as pool:
        await pool.execute(TABLES)
        yield _raw(pool, tenant_id)
        await pool.execute("DROP TABLE raw_row, raw_event")


def _raw(pool: "asyncpg.Pool[asyncpg.Record]", tenant_id: Any) -> ASGIApp:
    """A bare ASGI application that writes a row and an event in one transaction."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = orjson.loads(message["body"])
        record_id = new_id()
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(ROW, record_id, tenant_id, orjson.dumps(body).decode())
            await connection.execute(EVENT, str(record_id), orjson.dumps({"state": body, "padding": "x" * 900}).decode())
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": orjson.dumps({"id": str(record_id)})})

    return app


async def _batches(mitra: Mitra, tenant_id: Any) -> dict[str, Any]:
    token = token_of(mitra, tenant_id, "pipeline")
    operations = [{"op": "create", "data": ORDER | {"contact_id": str(new_id())}} for _ in range(500)]
    batches = make_requests("POST", "/v1/orders/batch", token, {"operations": operations}, count=12)
    await drive(mitra.apps["pipeline"], batches[:2], expected=200)
    started = time.perf_counter()
    await drive(mitra.apps["pipeline"], batches, expected=200, clients=2)
    rate = 500 * len(batches) / (time.perf_counter() - started)
    single = make_requests("POST", "/v1/orders", token, ORDER | {"contact_id": str(new_id())}, count=1000)
    started = time.perf_counter()
    await drive(mitra.apps["pipeline"], single, expected=201)
    alone = 1000 / (time.perf_counter() - started)
    return _row("orders a second in batches of 500", rate, alone, baseline_is="one by one", bar="≥ 1 × baseline", holds=rate >= alone)


def _row(
    what: str, measured: float, baseline: float, *, bar: str, holds: bool, baseline_is: str = "a raw asyncpg transaction in a bare ASGI app"
) -> dict[str, Any]:
    return {"what": what, "measured": measured, "baseline": baseline, "baseline_is": baseline_is, "bar": bar, "holds": holds}


def rows() -> list[dict[str, Any]]:
    """Measure and answer the rows."""
    return uvloop.run(measure())


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(row)
