"""Eight clients in a closed loop: CPU milliseconds of a request over all processes, PostgreSQL's included, beside a raw transaction."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psutil
import uvloop
from starlette.types import ASGIApp

from bench.asgi import Requests, drive, make_requests
from bench.creates import TICKET, as_long, open_raw, token_of
from bench.pages import FILL_CONTACTS, FILL_TICKETS, SOME, fill, skip
from bench.stage import open_stage
from services.identifiers import new_id
from tests.harness import Mitra

RAW = "a raw asyncpg transaction in a bare ASGI app"
FIRST, DEEP_PAGE = "list of 50 contacts, first page", "list of 50 contacts, at depth 50,000"
CLIENTS, TURNS, COUNT, LISTS = 8, 30, 300, 100
MANY, DEEP = 100_000, 50_000
CONTACT = {"kind": "person", "given_name": "Ada", "family_name": "Example", "emails": [{"address": "ada@example.com"}], "country": "DE"}
"""A contact as somebody enters it."""

Asked = tuple[ASGIApp, Requests, int]


async def measure() -> list[dict[str, Any]]:
    """The rows of the table."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        await fill(mitra, "contacts", tenant_id, [(FILL_CONTACTS, 1, MANY)], table="contact")
        await fill(mitra, "tickets", tenant_id, [(FILL_TICKETS, MANY)], table="ticket")
        asked = await _contacts(mitra, tenant_id) | await _tickets(mitra, tenant_id)
        async with open_raw(mitra, tenant_id, clients=CLIENTS) as bare:
            raw = bare, as_long(make_requests("POST", "/", "", TICKET, count=COUNT)), 201
            return _rows(await _in_turns({RAW: raw} | asked))


async def _contacts(mitra: Mitra, tenant_id: UUID) -> dict[str, Asked]:
    client = mitra.client("contacts", mitra.caller(tenant_id))
    first = (await client.get("/v1/contacts", params={"page_size": "50"})).json()
    deep = await skip(client, first["next_cursor"], pages=DEEP // 50)
    app, token = mitra.apps["contacts"], token_of(mitra, tenant_id, "contacts")
    one = f"/v1/contacts/{first['items'][0]['id']}"
    return {
        "create of a contact": (app, make_requests("POST", "/v1/contacts", token, CONTACT, count=COUNT), 201),
        "get of a contact": (app, make_requests("GET", one, token, count=COUNT), 200),
        FIRST: (app, _lists("/v1/contacts", token), 200),
        "list of 50 contacts, filtered": (app, _lists("/v1/contacts", token, filter='country = "DE"'), 200),
        DEEP_PAGE: (app, _lists("/v1/contacts", token, cursor=deep), 200),
    }


async def _tickets(mitra: Mitra, tenant_id: UUID) -> dict[str, Asked]:
    client = mitra.client("tickets", mitra.caller(tenant_id))
    known = (await client.get("/v1/tickets", params={"page_size": "1"})).json()["items"][0]
    app, token = mitra.apps["tickets"], token_of(mitra, tenant_id, "tickets")
    beside = token_of(mitra, await mitra.new_tenant(), "tickets")  # what is created here would be skipped, turn by turn, by the list
    body = TICKET | {"contact_id": str(new_id())}
    return {
        "create of a ticket": (app, make_requests("POST", "/v1/tickets", beside, body, count=COUNT), 201),
        "get of a ticket": (app, make_requests("GET", f"/v1/tickets/{known['id']}", token, count=COUNT), 200),
        "list of 50 tickets, filtered": (app, _lists("/v1/tickets", token, **SOME), 200),
    }


def _lists(path: str, token: str, **query: str) -> Requests:
    encoded = urlencode({"page_size": "50", **query}).encode()
    return [request | {"query": encoded} for request in make_requests("GET", path, token, count=LISTS)]


async def _in_turns(asked: Mapping[str, Asked]) -> dict[str, float]:
    """CPU milliseconds of one request of each kind, at its least: kinds take turns, so that the load of the machine is the same for all."""
    least = dict.fromkeys(asked, float("inf"))
    for turn in range(TURNS + 1):
        for what, (app, requests, expected) in asked.items():
            before = _computed()
            await drive(app, requests, expected=expected, clients=CLIENTS)
            after = _computed()
            spent = sum(after[pid] - before.get(pid, 0) for pid in after) / 1e6 / len(requests)
            if turn:  # the first is to warm up
                least[what] = min(least[what], spent)
    return least


def _computed() -> dict[int, int]:
    """What this process and each of those of its PostgreSQL have computed so far, nanoseconds: one that ends in between takes nothing
    away from the others.
    """
    found = {os.getpid(): time.process_time_ns()}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found[process.pid] = int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0])
    return found


def _rows(found: Mapping[str, float]) -> list[dict[str, Any]]:
    raw, first = found[RAW], found[FIRST]
    rows = []
    for what, spent in found.items():
        if what == RAW:
            continue
        baseline, baseline_is, bar, most = raw, RAW, "reported", float("inf")
        if what.startswith("create"):
            bar, most = "≤ 5 × baseline", 5 * raw
        elif what.startswith("get"):
            bar, most = "≤ 0.7", 0.7
        elif what.endswith("filtered"):
            bar, most = "≤ 1.2", 1.2
        elif what == DEEP_PAGE:
            baseline, baseline_is, bar, most = first, "the first page", "≤ 2 × baseline", 2 * first
        rows.append(
            {
                "what": f"{what}, CPU ms over all processes",
                "measured": spent,
                "baseline": baseline,
                "baseline_is": baseline_is,
                "bar": bar,
                "holds": spent <= most,
            }
        )
    return rows


def rows() -> list[dict[str, Any]]:
    """Measure and answer the rows."""
    return uvloop.run(measure())


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(row)
