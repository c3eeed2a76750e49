"""`mitra up`: what is still to be done when it is told to stop is broken off, and a process that hangs does not keep it."""

import asyncio
import signal
import sys

import pytest

from services import up
from services.settings import Settings
from services.up import Company


async def test_work_is_broken_off_when_the_company_is_told_to_stop() -> None:
    company = Company(Settings(), 8000)
    begun, broken_off = asyncio.Event(), asyncio.Event()

    async def load_for_ever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()

    loading = asyncio.create_task(company.unless_stopped(load_for_ever()))
    await begun.wait()
    company.stop()
    await loading
    assert broken_off.is_set()


async def test_work_that_ends_is_waited_for_and_its_failure_is_not_swallowed() -> None:
    company = Company(Settings(), 8000)
    done = asyncio.Event()

    async def load() -> None:
        done.set()

    async def fail() -> None:
        raise LookupError("the demo company")

    await company.unless_stopped(load())
    assert done.is_set()
    with pytest.raises(LookupError, match="the demo company"):
        await company.unless_stopped(fail())


async def test_a_process_that_does_not_end_when_told_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "STOP_SECONDS", 0.1)
    company = Company(Settings(), 8000)
    deaf = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); sys.stdin.read()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", deaf, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    company.processes["work"] = process
    company.stop()
    assert await process.wait() == -signal.SIGKILL


def test_a_process_keeps_few_heaps_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    assert up.environment(Settings())["MALLOC_ARENA_MAX"] == "2"
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert up.environment(Settings())["MALLOC_ARENA_MAX"] == "8"
