"""A relay that is stopped in its tracks, loses its office meanwhile, and wakes up: it deletes nothing and reorders nothing."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from services import provisioning
from services.embedded import Server
from services.manifests import ROOT
from services.relay import Relay
from services.settings import plain_url
from services.up import environment
from tests.harness import Mitra
from tests.kit.test_order import handled
from tests.kit.test_relay import change, is_empty, make

PAUSES = 3
SECONDS = 60.0
OFFICE = """
SELECT pid, application_name, granted FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 7101 AND pg_stat_activity.datname = 'mitra_demo'
"""
STANDING_BY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mitra relay demo' AND datname = 'mitra_demo'"


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await holds():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def worker(mitra: Mitra) -> AsyncIterator[asyncio.subprocess.Process]:
    """`mitra work demo` in a process of its own."""
    command = [sys.executable, "-m", "services.command", "work", "demo", "--parent", str(os.getpid())]
    env = environment(mitra.settings)
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_a_relay_that_was_paused_and_cut_off_does_not_act_when_it_wakes(mitra: Mitra, server: Server) -> None:
    tenant_id = await mitra.new_tenant()
    things = await make(mitra, tenant_id, 4)
    onlooker = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "postgres"))
    written = 0

    async def write(thing_id: UUID) -> None:
        nonlocal written
        while not writing_ends.is_set():
            await change(mitra, tenant_id, thing_id, 1)
            written += 1
            await asyncio.sleep(0.02)  # enough for the relay to be in the middle of something

    async def is_in_office(name: str) -> bool:
        return [row["application_name"] for row in await onlooker.fetch(OFFICE)] == [f"mitra relay {name}"]

    async def is_standing_by() -> bool:
        return bool(await onlooker.fetchval(STANDING_BY))

    writing_ends = asyncio.Event()
    writing = asyncio.gather(*(write(thing_id) for thing_id in things))
    async with worker(mitra) as asleep:
        for number in range(PAUSES):
            await until(lambda: is_in_office("demo"))
            await asyncio.sleep(0.013 * number)
            asleep.send_signal(signal.SIGSTOP)
            (row,) = await onlooker.fetch(OFFICE)
            assert await onlooker.fetchval("SELECT pg_terminate_backend($1, 5000)", row["pid"])
            async with another_relay(mitra):
                await until(lambda: is_in_office("another"))
                enough = written + 20
                while written < enough:
                    await asyncio.sleep(0.01)
                asleep.send_signal(signal.SIGCONT)
                await until(is_standing_by)
        writing_ends.set()
        await writing
        await until(lambda: is_empty(mitra))
    await onlooker.close()
    mitra.workers["demo"].consumer.forget_positions()
    await mitra.drain()
    for thing_id in things:
        seen = await handled(mitra, tenant_id, thing_id)
        assert seen == list(range(1, len(seen) + 1))
    assert sum([len(await handled(mitra, tenant_id, thing_id)) for thing_id in things]) == written + len(things)


@asynccontextmanager
async def another_relay(mitra: Mitra) -> AsyncIterator[None]:
    """A relay that takes over as soon as the office is free."""
    relay = Relay(plain_url(mitra.settings.database("demo")), mitra.workers["demo"].relay._bus, service="another")
    running = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
