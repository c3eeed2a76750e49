"""What a page of a list costs: at any depth among a million contacts, and filtered among a hundred thousand tickets."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import uvloop

from bench.stage import open_stage
from services.settings import plain_url
from tests.harness import Mitra

CONTACTS = 1_000_000
TICKETS = 100_000
PAGES = 60
FILL_CONTACTS = """
INSERT INTO contact (id, tenant_id, version, partition_key, created_at, updated_at, kind, display_name, emails, phones, addresses,
                     preferences, country, team_ids, roles, lifecycle, lifecycle_since, origin, tags, external_ids)
SELECT gen_random_uuid(), $1, 1, 'bench', at, at, 'person', 'Customer ' || n, '[]', '[]', '[]',
       '{"likes": [], "dislikes": [], "competitor_products": [], "expectations": []}',
       (ARRAY['DE', 'IN', 'US', 'FR'])[1 + n % 4], '[]', '[]', 'suspect', at, '{"source": "bench"}', '[]', '[]'
FROM (SELECT n, timestamptz '2024-01-01' + n * interval '1 minute' AS at FROM generate_series($2::int, $3::int) AS n) AS made
"""
FILL_TICKETS = """
INSERT INTO ticket (id, tenant_id, version, partition_key, created_at, updated_at, number, subject_line, type, status, status_since,
                    priority, opened_at, channel, tags, watchers, links, checklist, escalation_level, reopened_count, external_ids)
SELECT gen_random_uuid(), $1, 1, 'bench', at, at, n, 'Case ' || n, 'problem', (ARRAY['new', 'open', 'resolved', 'closed'])[1 + n % 4], at,
       (ARRAY['low', 'normal', 'high', 'urgent', 'normal'])[1 + n % 5], at, 'email', '[]', '[]', '[]', '[]', 0, 0, '[]'
FROM (SELECT n, timestamptz '2024-01-01' + n * interval '1 minute' AS at FROM generate_series(1, $2::int) AS n) AS made
"""
SOME = {"filter": 'status = "open" AND (priority = "high" OR priority = "urgent")'}


async def measure() -> list[dict[str, Any]]:
    """The rows of the table."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        return [await _deep_pages(mitra, tenant_id), await _filtered_pages(mitra, tenant_id)]


async def fill(mitra: Mitra, service: str, tenant_id: Any, statements: Sequence[tuple[Any, ...]], *, table: str) -> None:
    connection = await asyncpg.connect(plain_url(mitra.settings.database(service)))
    await connection.execute("SELECT set_config('mitra.tenant', $1, false)", str(tenant_id))
    for statement, *arguments in statements:
        await connection.execute(statement, tenant_id, *arguments)
    await connection.close()
    owner = await asyncpg.connect(plain_url(mitra.settings.owner_database(service)))
    await owner.execute(f"ANALYZE {table}")
    await owner.close()


async def _deep_pages(mitra: Mitra, tenant_id: Any) -> dict[str, Any]:
    """The 95th percentile of a page of 50 among a million: the first page, and pages at any depth, in turns."""
    parts = [(FILL_CONTACTS, first, first + 99_999) for first in range(0, CONTACTS, 100_000)]
    await fill(mitra, "contacts", tenant_id, parts, table="contact")
    client = mitra.client("contacts", mitra.caller(tenant_id))
    first, deep = [], []
    _, cursor = await _page(client, "/v1/contacts", {})
    for _ in range(PAGES):
        cursor = await skip(client, cursor, pages=80)
        first.append((await _page(client, "/v1/contacts", {}))[0])
        seconds, cursor = await _page(client, "/v1/contacts", {"cursor": cursor})
        deep.append(seconds)
    measured, baseline = _p95(deep), _p95(first)
    return {
        "what": "page of 50 at 1 M contacts, at depths to 240,000, p95 ms",
        "measured": measured,
        "baseline": baseline,
        "baseline_is": "the first page",
        "bar": "≤ 2 × baseline",
        "holds": measured <= 2 * baseline,
    }


async def _filtered_pages(mitra: Mitra, tenant_id: Any) -> dict[str, Any]:
    """The 95th percentile of a page of 50 open tickets of high priority among a hundred thousand, beside a page of any."""
    await fill(mitra, "tickets", tenant_id, [(FILL_TICKETS, TICKETS)], table="ticket")
    client = mitra.client("tickets", mitra.caller(tenant_id))
    some, plain = [], []
    for _ in range(PAGES):
        some.append((await _page(client, "/v1/tickets", SOME))[0])
        plain.append((await _page(client, "/v1/tickets", {}))[0])
    return {
        "what": "page of 50 filtered at 100,000 tickets, p95 ms",
        "measured": _p95(some),
        "baseline": _p95(plain),
        "baseline_is": "the same without a filter",
        "bar": "reported",
        "holds": True,
    }


async def _page(client: httpx.AsyncClient, path: str, query: dict[str, str]) -> tuple[float, str]:
    started = time.perf_counter()
    answer = await client.get(path, params={"page_size": "50", **query})
    seconds = 1000 * (time.perf_counter() - started)
    assert len(answer.json()["items"]) == 50, answer.text
    return seconds, answer.json()["next_cursor"]


async def skip(client: httpx.AsyncClient, cursor: str, *, pages: int) -> str:
    for _ in range(pages // 4):
        answer = await client.get("/v1/contacts", params={"page_size": "200", "cursor": cursor})
        cursor = answer.json()["next_cursor"]
    return cursor


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def rows() -> list[dict[str, Any]]:
    """Measure and answer the rows."""
    return uvloop.run(measure())


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(row)
