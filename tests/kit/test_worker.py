"""The worker process of one service: it says when it is ready, and stops in order when it is told to."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import httpx
import pytest

from services.serving import free_port
from tests.harness import Mitra
from tests.journeys.company import ROOT
from tests.kit.test_relay import is_empty, make, until


@pytest.fixture
async def working(mitra: Mitra) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """`mitra work demo` as a process, and a client of what it says of itself."""
    settings, port = mitra.settings, free_port("127.0.0.1", 18300)
    names = ("database_url", "owner_database_url", "bus_url", "services_path", "folder")
    environment = {**os.environ, **{f"MITRA_{name.upper()}": str(getattr(settings, name)) for name in names}}
    command = [sys.executable, "-m", "services.command", "work", "demo", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield process, client
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.mark.parametrize(
    "told", [[signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]], ids=["by its parent", "by the terminal and its parent"]
)
async def test_a_worker_says_when_it_is_ready_and_stops_in_order(
    mitra: Mitra, working: tuple[asyncio.subprocess.Process, httpx.AsyncClient], told: list[signal.Signals]
) -> None:
    process, client = working

    async def is_ready() -> bool:
        try:
            return (await client.get("/readyz")).json() == {"status": "ready"}
        except httpx.TransportError:
            return False

    async with asyncio.timeout(60):
        while not await is_ready():
            await asyncio.sleep(0.05)
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    await make(mitra, await mitra.new_tenant(), 3)
    await until(lambda: is_empty(mitra))
    page = await client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert {'mitra_relay_in_office{service="demo"} 1.0', 'mitra_unreadable{service="demo"} 0.0'} <= set(page.text.splitlines())
    for number in told:
        process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_part_that_has_not_come_round_is_named(mitra: Mitra) -> None:
    worker = mitra.workers["demo"]
    worker.relay.came_round_at = worker.consumer.came_round_at = 0.0
    assert worker.idle_parts() == ["demo relay", "demo consumer"]
    worker.relay.came_round_at = asyncio.get_running_loop().time()
    assert worker.idle_parts() == ["demo consumer"]
    worker.consumer.came_round_at = asyncio.get_running_loop().time()
    assert worker.idle_parts() == []
