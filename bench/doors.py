"""What a request costs: creates beside a raw transaction, the gateway in front, and pages at any depth."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import orjson
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.asgi import drive
from bench.stage import open_stage
from gateway.routing.front import Front
from gateway.settings import GatewaySettings
from services.identifiers import new_id
from services.settings import plain_url
from tests.gateway.conftest import Door
from tests.gateway.serving import serve
from tests.harness import Mitra

CREATES = 2_000
READS = 3_000
CONTACTS = 1_000_000
PAGES = 60
TURNS = 3
ORDER = {"currency": "USD", "status": "placed", "lines": [{"quantity": 1, "unit_price_minor": 1177, "category": "music"}]}
ROW = "INSERT INTO raw_row (id, tenant_id, body, at) VALUES ($1, $2, $3, now())"
EVENT = "INSERT INTO raw_event (key, event) VALUES ($1, $2)"
FILL = """
INSERT INTO contact (id, tenant_id, version, partition_key, created_at, updated_at, kind, display_name, emails, phones, addresses,
                     preferences, country, team_ids, roles, lifecycle, lifecycle_since, origin, tags, external_ids)
SELECT gen_random_uuid(), $1, 1, 'bench', at, at, 'person', 'Customer ' || n, '[]', '[]', '[]',
       '{"likes": [], "dislikes": [], "competitor_products": [], "expectations": []}',
       (ARRAY['DE', 'IN', 'US', 'FR'])[1 + n % 4], '[]', '[]', 'suspect', at, '{"source": "bench"}', '[]', '[]'
FROM (SELECT n, timestamptz '2024-01-01' + n * interval '1 minute' AS at FROM generate_series($2::int, $3::int) AS n) AS made
"""


async def measure() -> list[dict[str, Any]]:
    """The rows of the table."""
    async with open_stage() as mitra:
        front = Front(dict(mitra.apps), mitra.settings, GatewaySettings(requests_per_second=1_000_000, burst=1_000_000))
        async with front.open():
            door = Door(mitra, front)
            company = await door.company(email="bench@example.com")
            token = company.token
            rows = [*await _creates(mitra, company.tenant_id), await _batches(mitra, company.tenant_id)]
            rows += await _gateway(mitra, front, token)
            rows.append(await _pages(mitra, company.tenant_id))
        return rows


def _requests(method: str, path: str, token: str, body: Any = None, *, count: int) -> list[dict[str, Any]]:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return [{"method": method, "path": path, "headers": headers, "body": orjson.dumps(body) if body is not None else b""}] * count


async def _timed(app: ASGIApp, requests: Sequence[dict[str, Any]], *, expected: int) -> tuple[float, float]:
    """Requests a second, and CPU milliseconds of this process a request; the best of three, after a warm-up."""
    return (await _in_turns([(app, requests)], expected=expected))[0]


async def _in_turns(pairs: Sequence[tuple[ASGIApp, Sequence[dict[str, Any]]]], *, expected: int) -> list[tuple[float, float]]:
    """The same of several applications, which take turns, so that they are compared under the same load of the machine."""
    best = [(0.0, float("inf")) for _ in pairs]
    for app, requests in pairs:
        await drive(app, requests[:200], expected=expected)
    for _ in range(TURNS):
        for place, (app, requests) in enumerate(pairs):
            wall, cpu = time.perf_counter(), time.process_time()
            await drive(app, requests, expected=expected)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            best[place] = max(best[place][0], len(requests) / wall), min(best[place][1], 1000 * cpu / len(requests))
    return best


async def _creates(mitra: Mitra, tenant_id: Any) -> list[dict[str, Any]]:
    token = mitra.client("pipeline", mitra.caller(tenant_id)).headers["authorization"].removeprefix("Bearer ")
    body = ORDER | {"contact_id": str(new_id())}
    ours, bare = _requests("POST", "/v1/orders", token, body, count=CREATES), _requests("POST", "/", token, body, count=CREATES)
    async with asyncpg.create_pool(plain_url(mitra.settings.owner_database("pipeline")), min_size=4, max_size=4) as pool:
        await pool.execute("CREATE TABLE raw_row (id uuid PRIMARY KEY, tenant_id uuid, body text, at timestamptz)")
        await pool.execute("CREATE TABLE raw_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text, event text)")
        pairs = [(mitra.apps["pipeline"], ours), (_raw(pool, tenant_id), bare)]
        (rate, cpu), (raw, raw_cpu) = await _in_turns(pairs, expected=201)
        await pool.execute("DROP TABLE raw_row, raw_event")
    return [
        _row("create of an order through the service, a second", rate, raw, bar="≥ 0.2 × baseline", holds=rate >= 0.2 * raw),
        _row("create of an order, CPU ms", cpu, raw_cpu, bar="reported", holds=True),
    ]


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
    token = mitra.client("pipeline", mitra.caller(tenant_id)).headers["authorization"].removeprefix("Bearer ")
    operations = [{"op": "create", "data": ORDER | {"contact_id": str(new_id())}} for _ in range(500)]
    requests = _requests("POST", "/v1/orders/batch", token, {"operations": operations}, count=12)
    await drive(mitra.apps["pipeline"], requests[:2], expected=200)
    started = time.perf_counter()
    await drive(mitra.apps["pipeline"], requests, expected=200, clients=2)
    rate = 500 * len(requests) / (time.perf_counter() - started)
    single = _requests("POST", "/v1/orders", token, ORDER | {"contact_id": str(new_id())}, count=1000)
    started = time.perf_counter()
    await drive(mitra.apps["pipeline"], single, expected=201)
    alone = 1000 / (time.perf_counter() - started)
    return _row("orders a second in batches of 500", rate, alone, baseline_is="one by one", bar="≥ 1 × baseline", holds=rate >= alone)


async def _gateway(mitra: Mitra, front: Front, token: str) -> list[dict[str, Any]]:
    """CPU milliseconds that the front adds to a small read, in this process and over HTTP (its own process's share only)."""
    inside = mitra.client("contacts", mitra.caller(new_id())).headers["authorization"].removeprefix("Bearer ")
    _, direct = await _timed(mitra.apps["contacts"], _requests("GET", "/v1/contacts", inside, count=READS), expected=200)
    _, through = await _timed(front, _requests("GET", "/v1/contacts", token, count=READS), expected=200)
    near = _row("gateway embedded, CPU ms added to a request", through - direct, direct, bar="≤ 0.1", holds=through - direct <= 0.1)
    near["baseline_is"] = "the service alone"
    async with serve(_hello) as url:
        urls = {name: url for name in mitra.apps if name != "gateway"}
        own = GatewaySettings(requests_per_second=1_000_000, burst=1_000_000)
        far_front = Front({"gateway": mitra.apps["gateway"]}, mitra.settings.model_copy(update={"service_urls": urls}), own)
        async with far_front.open():
            _, far = await _timed(far_front, _requests("GET", "/v1/contacts", token, count=READS), expected=200)
        async with httpx.AsyncClient(base_url=url) as client:
            started = time.process_time()
            for _ in range(500):
                await client.get("/")
            bare = 1000 * (time.process_time() - started) / 500
    return [
        near,
        _row(
            "gateway distributed, CPU ms a request (server of the bench included)",
            far,
            bare,
            baseline_is="httpx",
            bar="≤ 0.25",
            holds=far <= 0.25,
        ),
    ]


async def _hello(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"{}"})


async def _pages(mitra: Mitra, tenant_id: Any) -> dict[str, Any]:
    """The 95th percentile of a page of 50 contacts among a million: the first page, and pages at any depth."""
    connection = await asyncpg.connect(plain_url(mitra.settings.database("contacts")))
    await connection.execute("SELECT set_config('mitra.tenant', $1, false)", str(tenant_id))
    for first in range(0, CONTACTS, 100_000):
        await connection.execute(FILL, tenant_id, first, first + 99_999)
    await connection.execute("RESET mitra.tenant")
    await connection.close()
    client = mitra.client("contacts", mitra.caller(tenant_id))
    owner = await asyncpg.connect(plain_url(mitra.settings.owner_database("contacts")))
    await owner.execute("ANALYZE contact")
    await owner.close()
    first, deep = [], []
    _, cursor = await _page(client, {})
    for _ in range(PAGES):  # the first page and a deep one take turns, under the same load of the machine
        cursor = await _skip(client, cursor, pages=80)
        first.append((await _page(client, {}))[0])
        seconds, cursor = await _page(client, {"cursor": cursor})
        deep.append(seconds)
    measured, baseline = _p95(deep), _p95(first)
    row = _row(
        "page of 50 at 1 M contacts, at depths to 240,000, p95 ms", measured, baseline, bar="≤ 2 × baseline", holds=measured <= 2 * baseline
    )
    return row | {"baseline_is": "the first page"}


async def _page(client: httpx.AsyncClient, query: dict[str, str]) -> tuple[float, str]:
    started = time.perf_counter()
    answer = await client.get("/v1/contacts", params={"page_size": "50", **query})
    seconds = 1000 * (time.perf_counter() - started)
    assert answer.status_code == 200, answer.text
    return seconds, answer.json()["next_cursor"]


async def _skip(client: httpx.AsyncClient, cursor: str, *, pages: int) -> str:
    for _ in range(pages // 4):
        answer = await client.get("/v1/contacts", params={"page_size": "200", "cursor": cursor})
        cursor = answer.json()["next_cursor"]
    return cursor


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


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
