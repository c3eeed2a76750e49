"""Jobs and timers: late, long, recurring, broken off, cancelled; done once whoever runs them."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from demo_svc.manifest import manifest as demo
from demo_svc.things.models import Thing
from demo_svc.things.operations import create_things
from demo_svc.things.schemas import ThingCreate
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from services.database import Database, context_of
from services.errors import Conflict
from services.job_runner import MOST_ATTEMPTS, MOST_BREAKS, JobRunner
from services.jobs import NO_TENANT, Job, JobHandler, Work, count_jobs, enqueue
from services.timers import arm
from tests.harness import Mitra, SettableClock
from tests.kit.conftest import Kill
from tests.kit.test_relay import until

END_CLAIMS = """
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 7103 AND datname = current_database()
"""


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


class Bench:
    """Runners of the demo service with handlers of the test, each on connections of its own name."""

    def __init__(self, mitra: Mitra, tenant_id: UUID, clock: SettableClock, stack: AsyncExitStack) -> None:
        self.mitra, self.tenant_id, self.clock, self._stack = mitra, tenant_id, clock, stack

    async def runner(self, *, schedules: dict[str, float] | None = None, name: str = "runner", **handlers: JobHandler) -> JobRunner:
        database = Database(self.mitra.settings.database("demo"), pool_size=4, application_name=name)
        self._stack.push_async_callback(database.close)
        return JobRunner(replace(demo, jobs=handlers, schedules=schedules or {}), database, self.mitra.settings, clock=self.clock)

    async def ask(self, kind: str, key: str = "once", *, after: timedelta = timedelta(0), **arguments: Any) -> UUID:
        async with self.session() as session:
            job = await enqueue(session, kind, key, arguments=arguments, run_at=self.clock() + after)
            await session.commit()
            return job.id

    def session(self) -> AsyncSession:
        session = self.mitra.session("demo", self.tenant_id)
        session.info["clock"] = self.clock
        return session

    async def read(self, job_id: UUID) -> Job:
        async with self.session() as session:
            return (await session.scalars(select(Job).where(Job.id == job_id))).one()

    async def end_claims(self) -> None:
        """End the one connection that holds the lock of a job, as a cut network would."""
        async with self.mitra.session("demo", None) as session:
            assert (await session.scalars(text(END_CLAIMS))).all() == [True]

    async def things(self) -> list[str]:
        async with self.session() as session:
            return sorted(await session.scalars(select(Thing.label)))


@pytest.fixture
async def bench(mitra: Mitra, tenant_id: UUID, clock: SettableClock) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(mitra, tenant_id, clock, stack)


async def step(runner: JobRunner) -> bool:
    async with runner._database.engine.connect() as connection:
        return await runner.step(connection)


async def write(session: AsyncSession, work: Work) -> dict[str, Any]:
    """A handler that leaves a row and an event."""
    (thing,) = await create_things(session, [ThingCreate(label=work.arguments.get("label", work.kind))])
    return {"id": str(thing.id)}


async def test_a_timer_a_year_ahead_runs_when_its_time_has_come(bench: Bench, clock: SettableClock) -> None:
    runner = await bench.runner(write=write)
    job_id = await bench.ask("write", after=timedelta(days=365))
    assert await step(runner) is False
    clock.advance(days=364, hours=23)
    assert await step(runner) is False
    clock.advance(hours=1)
    assert [await step(runner), await step(runner)] == [True, False]
    job = await bench.read(job_id)
    assert (job.status, job.attempts, job.progress_bps, job.result) == ("succeeded", 1, 10_000, {"id": (job.result or {})["id"]})
    assert await bench.things() == ["write"]


async def test_due_work_is_done_in_the_order_of_its_time(bench: Bench, clock: SettableClock) -> None:
    done: list[str] = []

    async def note(_session: AsyncSession, work: Work) -> None:
        done.append(work.arguments["label"])

    for minutes in (3, 1, 2):
        await bench.ask("note", str(minutes), after=timedelta(minutes=minutes), label=str(minutes))
    clock.advance(minutes=5)
    runner = await bench.runner(note=note)
    while await step(runner):
        pass
    assert done == ["1", "2", "3"]


async def test_work_is_done_as_its_tenant_in_the_chain_of_who_asked(bench: Bench, mitra: Mitra) -> None:
    job_id = await bench.ask("write")
    await step(await bench.runner(write=write))
    (event,) = await mitra.outbox("demo")
    assert (event.tenant_id, event.actor, event.correlation_id) == (bench.tenant_id, "system:test", "test")
    assert event.causation_id == str(job_id)


async def test_a_job_that_fails_after_writing_leaves_nothing_and_is_tried_again_ever_later(
    bench: Bench, mitra: Mitra, clock: SettableClock
) -> None:
    async def fail(session: AsyncSession, work: Work) -> None:
        await write(session, work)
        await session.flush()
        raise ValueError("canary")

    runner, job_id = await bench.runner(fail=fail), await bench.ask("fail")
    delays = []
    while (job := await bench.read(job_id)).status == "queued":
        delays.append(round((job.run_at - clock()).total_seconds()))
        clock.now = max(clock.now, job.run_at)
        assert await step(runner) is True
    assert (job.status, job.attempts, delays) == ("failed", MOST_ATTEMPTS, [0, 2, 4, 8, 16])
    assert job.problem == {"code": "internal", "detail": "The work failed on our side", "title": "ValueError"}
    assert (await bench.things(), await mitra.outbox("demo"), await step(runner)) == ([], [], False)


async def test_a_job_that_is_refused_fails_at_once_with_the_problem(bench: Bench) -> None:
    async def refuse(session: AsyncSession, work: Work) -> None:
        await write(session, work)
        raise Conflict("The list was changed meanwhile", code="list_changed")

    job_id = await bench.ask("refuse")
    await step(await bench.runner(refuse=refuse))
    job = await bench.read(job_id)
    assert (job.status, job.attempts, (job.problem or {})["code"], (job.problem or {})["status"]) == ("failed", 1, "list_changed", 409)
    assert await bench.things() == []


async def test_a_job_that_kills_its_process_each_time_is_given_up(bench: Bench, mitra: Mitra) -> None:
    job_id = await bench.ask("write")
    async with mitra.session("demo", None) as session:
        await session.execute(update(Job).values(status="running", attempts=MOST_BREAKS))
        await session.commit()
    assert await step(await bench.runner(write=write)) is True
    job = await bench.read(job_id)
    assert (job.status, (job.problem or {})["code"], await bench.things()) == ("failed", "broken_off", [])


async def test_recurring_work_comes_again_also_after_failures(bench: Bench, clock: SettableClock) -> None:
    outcomes = [None, *[ValueError()] * (MOST_ATTEMPTS + 2), None]
    at = []

    async def sweep(_session: AsyncSession, work: Work) -> None:
        at.append(clock.now)
        assert work.tenant_id == NO_TENANT
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    runner = await bench.runner(sweep=sweep, schedules={"sweep": 60.0})
    await runner.ensure_schedules()
    await runner.ensure_schedules()
    while outcomes:
        while await step(runner):
            pass
        clock.advance(seconds=1)
    waits = [round((later - earlier).total_seconds()) for earlier, later in itertools.pairwise(at)]
    assert waits == [60, 2, 4, 8, 16, 32, 64, 128]
    async with bench.session() as session:
        row = (await session.scalars(select(Job).where(Job.kind == "sweep"))).one()
        assert (row.status, row.attempts, round((row.run_at - clock.now).total_seconds()) + 1) == ("queued", 0, 60)


async def test_work_that_is_asked_for_again_while_it_runs_is_done_once_more(bench: Bench) -> None:
    runs = []

    async def recompute(session: AsyncSession, work: Work) -> None:
        runs.append(work.id)
        await write(session, work)
        if len(runs) == 1:
            async with bench.session() as other:
                await arm(other, "recompute", "once")
                await arm(other, "recompute", "once")
                await other.commit()

    async with bench.session() as session:
        await arm(session, "recompute", "once")
        await session.commit()
    runner = await bench.runner(recompute=recompute)
    assert [await step(runner) for _ in range(3)] == [True, True, False]
    assert (len(set(runs)), await bench.things()) == (1, ["recompute", "recompute"])


@asynccontextmanager
async def claimed(runner: JobRunner, job_id: UUID) -> AsyncIterator["asyncio.Task[bool]"]:
    """The step of a runner that waits inside its handler."""
    connection: AsyncConnection
    async with AsyncExitStack() as stack:
        connection = await runner._database.engine.connect()
        stack.push_async_callback(connection.invalidate)
        yield asyncio.create_task(runner.step(connection))


class Gate:
    """A handler that writes and then waits for the test, the first time that it is called."""

    def __init__(self, *, before_end: Callable[[Work], Awaitable[None]] | None = None) -> None:
        self.entered, self.open = asyncio.Event(), asyncio.Event()
        self.calls = 0
        self._before_end = before_end

    async def __call__(self, session: AsyncSession, work: Work) -> dict[str, Any]:
        self.calls += 1
        number = self.calls
        await create_things(session, [ThingCreate(label=f"by call {number}")])
        if number == 1:
            self.entered.set()
            await self.open.wait()
        if self._before_end is not None:
            await self._before_end(work)
        return {"call": number}


async def test_a_job_is_cancelled_between_two_steps_and_leaves_nothing(bench: Bench, mitra: Mitra) -> None:
    gate = Gate(before_end=lambda work: work.report(5000, {"read": 7}))
    runner, job_id = await bench.runner(gate=gate), await bench.ask("gate")
    client = mitra.client("demo", mitra.caller(bench.tenant_id))
    async with claimed(runner, job_id) as running:
        await gate.entered.wait()
        answer = await client.post(f"/v1/demo-jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "running")
        gate.open.set()
        assert await running is True
    read = (await client.get(f"/v1/demo-jobs/{job_id}")).json()
    assert (read["status"], read["progress_bps"], read["counts"], read["result"]) == ("cancelled", 5000, {"read": 7}, None)
    assert (await bench.things(), await mitra.outbox("demo")) == ([], [])


async def test_a_job_that_waits_is_cancelled_at_once(bench: Bench, mitra: Mitra) -> None:
    job_id = await bench.ask("write", after=timedelta(days=1))
    client = mitra.client("demo", mitra.caller(bench.tenant_id))
    assert (await client.post(f"/v1/demo-jobs/{job_id}/cancel")).json()["status"] == "cancelled"
    bench.clock.advance(days=2)
    assert await step(await bench.runner(write=write)) is False
    refused = await client.post(f"/v1/demo-jobs/{job_id}/cancel")
    assert (refused.status_code, refused.json()["state"]) == (409, "cancelled")


async def test_the_claim_of_a_runner_that_died_is_free_and_what_it_still_does_is_undone(bench: Bench) -> None:
    gate = Gate()
    doomed, heir = await bench.runner(gate=gate, name="doomed"), await bench.runner(gate=gate, name="heir")
    job_id = await bench.ask("gate")
    async with claimed(doomed, job_id) as running:
        await gate.entered.wait()
        assert await step(heir) is False
        await bench.end_claims()
        await until(partial(step, heir))
        gate.open.set()
        with pytest.raises(Exception, match="connection"):
            await running
    job = await bench.read(job_id)
    assert (job.status, job.result, job.attempts) == ("succeeded", {"call": 2}, 2)
    assert await bench.things() == ["by call 2"]


async def test_a_failure_of_a_runner_that_lost_its_claim_does_not_touch_the_job(bench: Bench) -> None:
    async def fail(_work: Work) -> None:
        if gate.open.is_set():
            raise ValueError

    gate = Gate(before_end=fail)
    doomed, heir = await bench.runner(gate=gate, name="doomed"), await bench.runner(gate=write, name="heir")
    job_id = await bench.ask("gate")
    async with claimed(doomed, job_id) as running:
        await gate.entered.wait()
        await bench.end_claims()
        await until(partial(step, heir))
        gate.open.set()
        await asyncio.gather(running, return_exceptions=True)
    job = await bench.read(job_id)
    assert (job.status, job.problem, await bench.things()) == ("succeeded", None, ["gate"])


async def test_three_runners_do_each_of_forty_jobs_once_and_never_two_at_a_time(bench: Bench) -> None:
    inside: Counter[UUID] = Counter()
    most: Counter[UUID] = Counter()

    async def work(session: AsyncSession, work: Work) -> None:
        inside[work.id] += 1
        most[work.id] = max(most[work.id], inside[work.id])
        await write(session, work)
        inside[work.id] -= 1

    ids = [await bench.ask("work", str(n), label=str(n)) for n in range(40)]
    runners = [await bench.runner(work=work, name=f"runner {n}") for n in range(3)]

    async def run(runner: JobRunner) -> None:
        async with runner._database.engine.connect() as connection, bench.session() as session:
            while (await count_jobs(session)).get("succeeded", 0) < len(ids):
                await session.rollback()
                await runner.step(connection)

    await asyncio.wait_for(asyncio.gather(*(run(runner) for runner in runners)), 60)
    assert (most, len(await bench.things())) == (Counter(dict.fromkeys(ids, 1)), 40)


async def test_a_runner_whose_connections_are_killed_comes_back(bench: Bench, kill_backends: Kill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.job_runner.POLL_SECONDS", 0.01)
    runner = await bench.runner(write=write, name="unlucky")
    task = asyncio.create_task(runner.run())
    try:
        for number in range(2):
            job_id = await bench.ask("write", str(number))
            await until(partial(_is, bench, job_id, "succeeded"))
            await kill_backends("unlucky")
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)


async def _is(bench: Bench, job_id: UUID, status: str) -> bool:
    return (await bench.read(job_id)).status == status


async def test_the_same_work_is_asked_for_once_per_tenant(bench: Bench, mitra: Mitra) -> None:
    asked = await asyncio.gather(*(bench.ask("write", "same", label=str(n)) for n in range(10)))
    assert len(set(asked)) == 1
    other = Bench(mitra, await mitra.new_tenant(), bench.clock, AsyncExitStack())
    assert await other.ask("write", "same") not in asked


async def test_a_job_that_is_rolled_back_was_never_asked_for(bench: Bench) -> None:
    async with bench.session() as session:
        await enqueue(session, "write", str(uuid4()))
        assert context_of(session).tenant_id == bench.tenant_id
        await session.rollback()
    assert await step(await bench.runner(write=write)) is False


async def test_work_of_a_kind_that_this_version_does_not_know_waits(bench: Bench) -> None:
    job_id = await bench.ask("tomorrow")
    assert await step(await bench.runner(write=write)) is False
    assert (await bench.read(job_id)).status == "queued"
