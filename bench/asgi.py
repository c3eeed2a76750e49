"""Drives an ASGI application without a network, so that what is measured is the application."""

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Message


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
