"""What a process without an API says of itself: `/healthz` (it runs), `/readyz` (its parts do their work) and `/metrics`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from services.encoding import encode
from services.metrics import MEDIA_TYPE


@asynccontextmanager
async def answering(
    host: str, port: int, idle_parts: Callable[[], Sequence[str]], page: Callable[[], Awaitable[bytes]]
) -> AsyncIterator[None]:
    """Answer at host:port meanwhile; ready unless `idle_parts` names a part that does not do its work. `page` are the metrics."""

    async def healthz(_request: web.Request) -> web.Response:
        return _answer(200, {"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        idle = idle_parts()
        return _answer(503, {"status": "unready", "idle": list(idle)}) if idle else _answer(200, {"status": "ready"})

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await page(), headers={"Content-Type": MEDIA_TYPE})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


def _answer(status: int, body: dict[str, object]) -> web.Response:
    return web.Response(status=status, body=encode(body), content_type="application/json")
