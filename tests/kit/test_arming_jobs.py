"""Work that is asked for again and again: `arm` runs it once more, however the asks fall."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import Context, bind_tenant, context_of
from services.job_runner import JobRunner
from services.jobs import Job, Work
from services.manifests import Manifest
from services.timers import arm, arm_by, arm_many
from tests.harness import Mitra


def demo_with(mitra: Mitra, handler: Any) -> JobRunner:
    manifest: Manifest = next(m for m in mitra.manifests if m.name == "demo")
    return JobRunner(replace(manifest, jobs={"again": handler}), mitra.databases["demo"], mitra.settings, clock=mitra.clock)


async def run_due(mitra: Mitra, runner: JobRunner) -> None:
    async with mitra.databases["demo"].engine.connect() as connection:
        while await runner.step(connection):
            pass


async def test_an_ask_that_comes_while_the_work_runs_runs_it_once_more(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    runs = []

    async def handler(_session: AsyncSession, work: Work) -> None:
        runs.append(work.id)
        if len(runs) == 1:
            async with mitra.session("demo", tenant_id) as other:
                await arm(other, "again", "key")
                await arm(other, "again", "key")
                await other.commit()

    async with mitra.session("demo", tenant_id) as session:
        await arm(session, "again", "key")
        await session.commit()
    await run_due(mitra, demo_with(mitra, handler))
    async with mitra.session("demo", tenant_id) as session:
        (job,) = await session.scalars(select(Job))
    assert (len(runs), set(runs), job.status) == (2, {job.id}, "succeeded")


async def test_the_last_ask_says_when(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    runs = []

    async def handler(_session: AsyncSession, work: Work) -> None:
        runs.append(work.id)

    runner = demo_with(mitra, handler)
    for seconds in (1, 10):
        async with mitra.session("demo", tenant_id) as session:
            await arm(session, "again", "key", run_at=mitra.clock.now + timedelta(seconds=seconds))
            await session.commit()
    mitra.clock.advance(seconds=5)
    await run_due(mitra, runner)
    assert runs == []
    mitra.clock.advance(seconds=6)
    await run_due(mitra, runner)
    assert len(runs) == 1


async def test_many_keys_are_armed_at_once_and_each_runs_under_its_own_at_its_own_time(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    ran = []

    async def handler(_session: AsyncSession, work: Work) -> None:
        ran.append(work.key)

    runner, at = demo_with(mitra, handler), mitra.clock.now
    async with mitra.session("demo", tenant_id) as session:
        await arm_many(session, "again", {})
        await arm_many(session, "again", {"late": at + timedelta(seconds=9), "soon": at + timedelta(seconds=1), "never": at})
        await arm_many(session, "again", {"never": at + timedelta(days=9)})
        await session.commit()
    mitra.clock.advance(seconds=5)
    await run_due(mitra, runner)
    assert ran == ["soon"]
    mitra.clock.advance(seconds=5)
    await run_due(mitra, runner)
    assert ran == ["soon", "late"]


async def test_work_that_is_wanted_by_a_time_runs_at_the_earliest_and_a_running_one_once_more(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    runs: list[float] = []
    start = mitra.clock.now

    async def handler(session: AsyncSession, work: Work) -> None:
        runs.append(round((mitra.clock.now - start).total_seconds()))
        if len(runs) == 1:
            await arm_by(session, work.kind, work.key, due=start + timedelta(hours=9))

    runner = demo_with(mitra, handler)
    for hours in (5, 2, 7):
        async with mitra.session("demo", tenant_id) as session:
            await arm_by(session, "again", "key", due=start + timedelta(hours=hours))
            await session.commit()
    for _ in range(12):
        await run_due(mitra, runner)
        mitra.clock.advance(hours=1)
    assert runs == [2 * 3600, 9 * 3600]


async def test_who_finds_an_early_enough_run_waits_for_nobody(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    async with mitra.session("demo", tenant_id) as session:
        await arm_by(session, "again", "key", due=mitra.clock.now + timedelta(hours=1))
        await session.commit()
    async with mitra.session("demo", tenant_id) as first, mitra.session("demo", tenant_id) as second:
        for session in (first, second):
            await arm_by(session, "again", "key", due=mitra.clock.now + timedelta(hours=2))
        await first.commit()
        await second.commit()


async def test_the_work_is_done_for_whoever_asked_last(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    done_for = []

    async def handler(session: AsyncSession, _work: Work) -> None:
        context = context_of(session)
        done_for.append((context.actor, context.correlation_id))

    async def ask(actor: str) -> None:
        async with mitra.session("demo", tenant_id) as session:
            await bind_tenant(session, Context(tenant_id, actor, f"request of {actor}"))
            await arm(session, "again", "key")
            await arm_by(session, "again", "sweep", due=mitra.clock())
            await session.commit()

    for actor in ("user:ann", "user:ben"):
        await ask(actor)
    await run_due(mitra, demo_with(mitra, handler))
    assert done_for == [("user:ben", "request of user:ben")] * 2
