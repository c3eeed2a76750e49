"""Pure ASGI around an application: how often each operation was asked for, how long it took and how it ended; and its span."""

from time import perf_counter

import structlog
from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import tracing
from services.metrics import Timings

NO_OPERATION = "none"
"""What is asked for outside of operations: health, the document, the metrics, paths that lead nowhere."""


class Observed:
    """Notes every request in `timings` under its service, operation and status. Costs two microseconds."""

    def __init__(self, app: ASGIApp, *, service: str, timings: Timings) -> None:
        self.app = app
        self._service = service
        self._timings = timings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500  # what the server answers where the application raises

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = perf_counter()
        try:
            await self.app(scope, receive, send_and_see)
        finally:
            self._timings.note((self._service, _operation_of(scope), str(status)), perf_counter() - started)


class Traced:
    """Makes a span of every request under /v1, and of whatever follows from it a part of that trace. Only where spans go somewhere.

    A span is named after the operation; `name` is for an application that knows none, the door.
    """

    def __init__(self, app: ASGIApp, *, name: str) -> None:
        self.app = app
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        parent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None)
        with tracing.span(self._name, parent, kind=SpanKind.SERVER, attributes={"http.request.method": scope["method"]}) as span:
            others = [(name, value) for name, value in scope["headers"] if name != b"traceparent"]
            scope["headers"] = [*others, (b"traceparent", str(span.traceparent).encode())]

            async def send_and_tell(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.tell(http__response__status_code=message["status"])
                    if message["status"] >= 500:
                        span.fail(str(message["status"]))
                await send(message)

            with structlog.contextvars.bound_contextvars(trace_id=str(span.traceparent)[3:35]):
                await self.app(scope, receive, send_and_tell)
            operation = _operation_of(scope)
            span.tell(name=operation if operation != NO_OPERATION else self._name)


def _operation_of(scope: Scope) -> str:
    """The operation that the router found, by its stable id: a path may hold ids."""
    return getattr(scope.get("route"), "operation_id", None) or NO_OPERATION
