"""What the gateway adds to a request, in this process and over HTTP."""

import asyncio
import time
from typing import Any

import httpx
import uvloop
from starlette.types import Receive, Scope, Send

from bench.asgi import make_requests, timed
from bench.stage import open_stage
from gateway.routing.front import Front
from gateway.settings import GatewaySettings
from services.identifiers import new_id
from tests.gateway.conftest import Door
from tests.gateway.serving import serve
from tests.harness import Mitra

READS = 3_000


async def measure() -> list[dict[str, Any]]:
    """The rows of the table."""
    async with open_stage() as mitra:
        front = Front(dict(mitra.apps), mitra.settings, GatewaySettings(requests_per_second=1_000_000, burst=1_000_000))
        async with front.open():
            company = await Door(mitra, front).company(email="bench@example.com")
            return await _gateway(mitra, front, company.token)


async def _gateway(mitra: Mitra, front: Front, token: str) -> list[dict[str, Any]]:
    """CPU milliseconds that the front adds to a small read, in this process and over HTTP (its own process's share only)."""
    inside = mitra.client("contacts", mitra.caller(new_id())).headers["authorization"].removeprefix("Bearer ")
    _, direct = await timed(mitra.apps["contacts"], make_requests("GET", "/v1/contacts", inside, count=READS), expected=200)
    _, through = await timed(front, make_requests("GET", "/v1/contacts", token, count=READS), expected=200)
    async with serve(_hello) as url:
        urls = {name: url for name in mitra.apps if name != "gateway"}
        own = GatewaySettings(requests_per_second=1_000_000, burst=1_000_000)
        far_front = Front({"gateway": mitra.apps["gateway"]}, mitra.settings.model_copy(update={"service_urls": urls}), own)
        async with far_front.open():
            _, far = await timed(far_front, make_requests("GET", "/v1/contacts", token, count=READS), expected=200)
        async with httpx.AsyncClient(base_url=url) as client:
            started = time.process_time()
            for _ in range(500):
                await client.get("/")
            bare = 1000 * (time.process_time() - started) / 500
    return [
        {
            "what": "gateway embedded, CPU ms added to a request",
            "measured": through - direct,
            "baseline": direct,
            "baseline_is": "the service alone",
            "bar": "≤ 0.1",
            "holds": through - direct <= 0.1,
        },
        {
            "what": "gateway distributed, CPU ms a request (server of the bench included)",
            "measured": far,
            "baseline": bare,
            "baseline_is": "httpx",
            "bar": "≤ 0.25",
            "holds": far <= 0.25,
        },
    ]


async def _hello(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"{}"})


def rows() -> list[dict[str, Any]]:
    """Measure and answer the rows."""
    return uvloop.run(measure())


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(row)
