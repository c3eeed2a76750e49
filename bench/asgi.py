"""Drives an ASGI application without a network, so that what is measured is the application."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.types import ASGIApp, Message

TURNS = 3
Requests = Sequence[dict[str, Any]]


async def call(
    app: ASGIApp, method: str, path: str, *, headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b"", query: bytes = b""
) -> int:
    """Send one request; answers the status. The body of the answer is read and dropped."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"mitra"), (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    status = 0
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    await app(scope, receive, send)
    return status


async def drive(app: ASGIApp, requests: Sequence[dict[str, Any]], *, expected: int, clients: int = 4) -> None:
    """Send `requests` with `clients` in flight. Raises AssertionError where an answer is not the expected one."""
    waiting = iter(requests)

    async def client() -> None:
        for request in waiting:
            status = await call(app, **request)
            assert status == expected, f"{request['method']} {request['path']} answered {status}"

    await asyncio.gather(*(client() for _ in range(clients)))


def make_requests(method: str, path: str, token: str, body: Any = None, *, count: int) -> list[dict[str, Any]]:
    """`count` times the same request, as the bearer of `token`."""
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return [{"method": method, "path": path, "headers": headers, "body": orjson.dumps(body) if body is not None else b""}] * count


async def timed(app: ASGIApp, requests: Requests, *, expected: int) -> tuple[float, float]:
    """Requests a second, and CPU milliseconds of this process a request; the best of three, after a warm-up."""
    return (await in_turns([(app, requests)], expected=expected))[0]


async def in_turns(pairs: Sequence[tuple[ASGIApp, Requests]], *, expected: int, turns: int = TURNS) -> list[tuple[float, float]]:
    """The same of several applications, which take turns, so that they are compared under the same load of the machine."""
    best = [(0.0, float("inf")) for _ in pairs]
    for app, requests in pairs:
        await drive(app, requests[:200], expected=expected)
    for _ in range(turns):
        for place, (app, requests) in enumerate(pairs):
            wall, cpu = time.perf_counter(), time.process_time()
            await drive(app, requests, expected=expected)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            best[place] = max(best[place][0], len(requests) / wall), min(best[place][1], 1000 * cpu / len(requests))
    return best
