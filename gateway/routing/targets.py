"""Where requests go: to an application in this process, or to a service over HTTP."""

from contextlib import suppress
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH_SAFE = "/:@!$&'()*+,;=~"
"""What stands in a path as it is."""


class Target(Protocol):
    """A service, wherever it runs."""

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the service answer. Raises Unavailable while nothing was answered yet."""

    async def ask(self, path: str) -> tuple[int, bytes]:
        """Get `path` for the door itself, without a caller: status and body. Raises Unavailable."""


class Within:
    """A service whose application runs in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application."""
        with suppress(Exception):  # the application has answered with a problem and logged it; it raises again only for its server
            await self._app(scope, receive, send)

    async def ask(self, path: str) -> tuple[int, bytes]:
        """Call the application with a request of our own."""
        status, body = 503, b""

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        await self.forward(_own_request(path), receive, send)
        return status, body


def _own_request(path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
    }
