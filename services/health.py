"""What a process without an API says of itself: `/healthz` (it runs), `/readyz` (its parts do their work) and `/metrics`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.encoding import encode
from services.metrics import MEDIA_TYPE


@asynccontextmanager
async def answering(
    host: str, port: int, idle_parts: Callable[[], Sequence[str]], page: Callable[[], Awaitable[bytes]]
) -> AsyncIterator[None]:
    """Answer at host:port meanwhile; ready unless `idle_parts` names a part that does not do its work. `page` are the metrics."""

    async def healthz(_request: Request) -> Response:
        return _answer(200, {"status": "ok"})

    async def readyz(_request: Request) -> Response:
        idle = idle_parts()
        return _answer(503, {"status": "unready", "idle": list(idle)}) if idle else _answer(200, {"status": "ready"})

    async def metrics(_request: Request) -> Response:
        return Response(await page(), headers={"Content-Type": MEDIA_TYPE})

    application = Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
    server = _Beside(
        uvicorn.Config(
            application, host=host, port=port, lifespan="off", ws="none", access_log=False, log_config=None, timeout_graceful_shutdown=1
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Beside(uvicorn.Server):
    """A server beside other work, which hears the signals of the process itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _answer(status: int, body: dict[str, object]) -> Response:
    return Response(encode(body), status, media_type="application/json")
