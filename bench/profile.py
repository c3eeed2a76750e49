"""Where the CPU time of a create and of the consumer goes, by library: samples of the running frame, one a millisecond of CPU."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

import uvloop

from bench.asgi import drive, make_requests
from bench.creates import OPPORTUNITY, ORDER, TICKET, token_of
from bench.events import fill_log
from bench.stage import open_stage, placed_orders
from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline.make_catalogue import create, pipeline

COUNT, EVENTS, CUSTOMERS = 2_000, 20_000, 5_000
EVERY = 0.001
ROOT = str(Path(__file__).parent.parent)
LIBRARIES = {"sqlalchemy": "SQLAlchemy", "asyncpg": "asyncpg", "pydantic": "pydantic", "fastapi": "FastAPI", "starlette": "Starlette"}
REST = "event loop, standard library, smaller libraries"


async def measure() -> list[dict[str, Any]]:
    """The rows of the table: the creates first, then the consumer."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        rows = []
        for noun, service, path, body in await _bodies(mitra, tenant_id):
            requests = make_requests("POST", path, token_of(mitra, tenant_id, service), body, count=COUNT)
            await drive(mitra.apps[service], requests[:200], expected=201)
            rows += await _profiled(f"create of {noun}", COUNT, lambda a=mitra.apps[service], r=requests: drive(a, r, expected=201))  # type: ignore[misc]
        messages = placed_orders(tenant_id, [new_id() for _ in range(CUSTOMERS)], EVENTS)
        await fill_log(mitra, messages)
        return rows + await _profiled("event applied by analytics", EVENTS, lambda: _apply(mitra))


async def _bodies(mitra: Mitra, tenant_id: UUID) -> list[tuple[str, str, str, dict[str, Any]]]:
    sales = (await create(mitra.client("pipeline", mitra.caller(tenant_id)), "pipelines", pipeline()))["id"]
    contact = {"contact_id": str(new_id())}
    return [
        ("an order", "pipeline", "/v1/orders", ORDER | contact),
        ("an opportunity", "pipeline", "/v1/opportunities", OPPORTUNITY | contact | {"pipeline_id": sales}),
        ("a ticket", "tickets", "/v1/tickets", TICKET | contact),
    ]


async def _apply(mitra: Mitra) -> None:
    while await mitra.workers["analytics"].consumer.step(wait_seconds=0.0):
        pass


async def _profiled(what: str, count: int, work: Callable[[], Awaitable[None]]) -> list[dict[str, Any]]:
    """One row a library: its microseconds of CPU in one of `count` pieces of `work`, in this process, beside those of the whole."""
    with _sampled() as seen:
        cpu = time.process_time()
        await work()
        whole = 1e6 * (time.process_time() - cpu) / count
    return [
        {
            "what": f"{what}: {library}, CPU µs",
            "measured": whole * samples / seen.total(),
            "baseline": whole,
            "baseline_is": "the whole",
            "bar": "reported",
            "holds": True,
        }
        for library, samples in seen.most_common()
    ]


@contextmanager
def _sampled() -> Iterator[Counter[str]]:
    """How often each library was found at work; what it does in C counts as done by the frame that asked for it."""
    seen: Counter[str] = Counter()

    def look(_signal: int, frame: FrameType | None) -> None:
        seen[_library(frame.f_code.co_filename if frame is not None else "")] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    try:
        yield seen
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _library(path: str) -> str:
    _, _, within = path.partition("site-packages/")
    if within:
        return LIBRARIES.get(within.split("/")[0], REST)
    if not path.startswith(ROOT):
        return REST
    package = path.removeprefix(f"{ROOT}/").split("/")[0]
    return {"services": "the kit", "bench": "the bench", "tests": "the bench"}.get(package, "the service itself")


def rows() -> list[dict[str, Any]]:
    """Measure and answer the rows."""
    return uvloop.run(measure())


if __name__ == "__main__":
    for row in asyncio.run(measure()):
        print(row)
