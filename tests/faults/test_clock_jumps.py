"""Clocks that jump, forward and backward: order, history, keys, timers and schedules hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import httpx
import pytest
from demo_svc.manifest import manifest as demo
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.keys.operations import bootstrap
from gateway.routing.front import build_front
from services import job_runner
from services.job_runner import JobRunner
from services.jobs import NO_TENANT, Job, Work, enqueue
from tests.gateway.make import Company, found_company
from tests.harness import Mitra

JUMPS = (timedelta(days=1), timedelta(days=-3), timedelta(hours=1), timedelta(seconds=-90), timedelta(days=40), timedelta(days=-40))


@asynccontextmanager
async def door(mitra: Mitra) -> AsyncIterator[tuple[httpx.AsyncClient, Company]]:
    """A client of a company at the front of all services, which all have the clock of the test."""
    transport = httpx.ASGITransport(app=build_front(mitra.apps, mitra.settings))
    operator = {"Authorization": f"Bearer {await bootstrap(mitra.databases['gateway'])}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://mitra", headers=operator) as client:
        company = await found_company(client)
        await mitra.drain()
        client.headers["Authorization"] = f"Bearer {company.token}"
        yield client, company


async def test_whatever_the_clock_does_requests_are_answered_and_a_subject_keeps_its_order(mitra: Mitra) -> None:
    async with door(mitra) as (client, company):
        thing = (await client.post("/v1/things", json={"label": "lamp"})).raise_for_status().json()
        for version, jump in enumerate(JUMPS, 1):
            mitra.clock.now += jump
            changed = await client.patch(
                f"/v1/things/{thing['id']}", json={"label": f"lamp {version}"}, headers={"If-Match": f'"{version}"'}
            )
            assert (changed.status_code, changed.json()["version"]) == (200, version + 1), changed.text
        await mitra.drain()
        history = (await client.get(f"/v1/things/{thing['id']}/history")).raise_for_status().json()["items"]
        assert [each["version"] for each in history] == list(range(1, len(JUMPS) + 2))
        events = (await client.get("/v1/events", params={"subject": f"thing/{thing['id']}"})).raise_for_status().json()["items"]
        learnt = [datetime.fromisoformat(each["recordedtime"]) for each in events]
        assert [each["sequence"] for each in events] == list(range(1, len(JUMPS) + 2))
        assert all(earlier <= later for earlier, later in pairwise(learnt))
        assert company.tenant_id == UUID(events[0]["tenantid"])


class Notes:
    """A job that notes its runs."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    async def run(self, _session: AsyncSession, work: Work) -> None:
        self.runs.append(work.key)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def runner(mitra: Mitra, notes: Notes) -> JobRunner:
    own = replace(demo, jobs={"note": notes.run, "sweep": notes.run}, schedules={"sweep": 3600.0})
    return JobRunner(own, mitra.databases["demo"], mitra.settings, clock=mitra.clock)


async def run_due(mitra: Mitra, runner: JobRunner) -> None:
    async with mitra.databases["demo"].engine.connect() as connection:
        while await runner.step(connection):
            pass


async def test_a_timer_that_a_forward_jump_set_off_is_not_set_off_again_when_the_clock_is_put_right(
    mitra: Mitra, notes: Notes, runner: JobRunner
) -> None:
    async with mitra.session("demo", await mitra.new_tenant()) as session:
        await enqueue(session, "note", "tomorrow", run_at=mitra.clock() + timedelta(days=1))
        await session.commit()
    await run_due(mitra, runner)
    assert notes.runs == []
    mitra.clock.advance(days=2)
    await run_due(mitra, runner)
    mitra.clock.advance(days=-2)
    await run_due(mitra, runner)
    mitra.clock.advance(days=2)
    await run_due(mitra, runner)
    assert notes.runs == ["tomorrow"]


async def test_a_schedule_that_ran_while_the_clock_was_ahead_does_not_wait_for_it_to_come_round(
    mitra: Mitra, notes: Notes, runner: JobRunner
) -> None:
    await runner.ensure_schedules()
    mitra.clock.advance(days=30)
    await run_due(mitra, runner)
    mitra.clock.advance(days=-30)
    await runner.ensure_schedules()
    await run_due(mitra, runner)
    assert notes.runs == ["schedule"]
    mitra.clock.advance(hours=1)
    await run_due(mitra, runner)
    assert notes.runs == ["schedule", "schedule"]
    mitra.clock.advance(minutes=59)
    await runner.ensure_schedules()
    await run_due(mitra, runner)
    assert notes.runs == ["schedule", "schedule"]


async def test_a_running_worker_looks_at_its_schedules_again(
    mitra: Mitra, notes: Notes, runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(job_runner, "SCHEDULE_LOOK_SECONDS", 0.05)
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(20):
            while not notes.runs:
                await asyncio.sleep(0.01)
            async with mitra.session("demo", None) as session:
                job = (await session.scalars(select(Job).where(Job.tenant_id == NO_TENANT, Job.kind == "sweep"))).one()
                job.run_at = mitra.clock() + timedelta(days=30)
                await session.commit()
            mitra.clock.advance(hours=2)
            while len(notes.runs) < 2:
                mitra.clock.advance(minutes=30)
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
