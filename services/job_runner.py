"""The runner of jobs: claims the due ones of a service under an advisory lock and carries them out, one at a time."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from services import strangers, tracing
from services.cancellation import let_go_if_cancelled
from services.clock import Clock, utc_now
from services.contact_resolver import ContactResolver
from services.database import Context, Database
from services.errors import Refusal
from services.idempotency import forget_old_answers
from services.jobs import NO_TENANT, Job, JobCancelled, JobHandler, Status, Work
from services.manifests import Manifest
from services.metrics import JOB_BOUNDS, Timings
from services.problems import problem_of
from services.settings import Settings
from services.tenants import Tenant
from services.timers import keep_schedules

log = structlog.get_logger()

LOCK_SPACE = 7103
MOST_ATTEMPTS = 5
MOST_BREAKS = 20
POLL_SECONDS = 1.0
SCHEDULE_LOOK_SECONDS = 60.0


class ClaimLost(RuntimeError):
    """The connection that held this job's lock is gone and another runner has taken the job: what was done here is undone."""


async def _forget_answers(session: AsyncSession, _work: Work) -> None:
    """Delete the idempotency answers of every tenant that nobody may ask for any more."""
    await forget_old_answers(session, list(await session.scalars(select(Tenant.id))))


KIT_JOBS: dict[str, JobHandler] = {"forget_answers": _forget_answers}
KIT_SCHEDULES = {"forget_answers": 3600.0}


class JobRunner:
    """Runs the due jobs of one service, one at a time. A job is claimed by a session advisory lock, so the jobs of a worker that
    died are free at once; its effect and its completion are one transaction, so a job that was killed leaves nothing and runs again.
    """

    def __init__(self, manifest: Manifest, database: Database, settings: Settings, *, clock: Clock = utc_now) -> None:
        self._service = manifest.name
        self._handlers: dict[str, JobHandler] = {**KIT_JOBS, **manifest.jobs}
        self._schedules: dict[str, float] = {**KIT_SCHEDULES, **manifest.schedules}
        if strangers.knows_contacts(manifest):
            self._handlers["count_strangers"], self._schedules["count_strangers"] = strangers.count, strangers.EVERY_SECONDS
        self._actor = f"system:{manifest.package}"
        self._database = database
        self._settings = settings
        self._contacts = ContactResolver(settings, manifest.package, clock=clock)
        self._clock = clock
        self.timings = Timings(JOB_BOUNDS)

    async def run(self) -> None:
        """Run due jobs until cancelled; a lost connection is made anew."""
        while True:
            try:
                await self.ensure_schedules()
                await self._run_due()
            except Exception as error:
                let_go_if_cancelled()
                log.error("job_runner_failed", service=self._service, error_type=type(error).__name__)
                await asyncio.sleep(1.0)

    async def close(self) -> None:
        """Give back what the jobs have opened."""
        await self._contacts.close()

    async def _run_due(self) -> None:
        """Run due jobs for a while: then it is time to look at the schedules again."""
        until = asyncio.get_running_loop().time() + SCHEDULE_LOOK_SECONDS
        async with self._database.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")  # a look is one round trip; the lock is the session's
            while asyncio.get_running_loop().time() < until:
                let_go_if_cancelled()
                if not await self.step(connection):
                    await asyncio.sleep(POLL_SECONDS)

    async def ensure_schedules(self) -> None:
        """Make the row of each recurring schedule."""
        async with self._database.session() as session:
            await keep_schedules(session, self._schedules, actor=self._actor, at=self._clock())
            await session.commit()

    async def step(self, connection: AsyncConnection) -> bool:
        """Run one due job, holding its lock on `connection`; answers whether there was one."""
        due = await connection.execute(
            select(Job.id)
            .where(Job.status.in_(("queued", "running")), Job.run_at <= self._clock(), Job.kind.in_(list(self._handlers)))
            .order_by(Job.run_at)
            .limit(20)
        )
        candidates = list(due.scalars())
        await connection.commit()
        for job_id in candidates:
            number = zlib.crc32(job_id.bytes) - 2**31
            locked = await connection.scalar(text("SELECT pg_try_advisory_lock(:space, :key)"), {"space": LOCK_SPACE, "key": number})
            await connection.commit()
            if not locked:
                continue
            try:
                return await self._run_one(job_id)
            finally:
                await connection.execute(text("SELECT pg_advisory_unlock(:space, :key)"), {"space": LOCK_SPACE, "key": number})
                await connection.commit()
        return False

    async def _run_one(self, job_id: UUID) -> bool:
        async with self._database.session() as session:
            job = await session.get(Job, job_id, with_for_update=True)
            if job is None or job.status not in ("queued", "running") or job.run_at > self._clock():
                return False
            broken_off = job.status == "running" and job.attempts >= MOST_BREAKS and job.kind not in self._schedules
            job.status, job.attempts, job.updated_at = "running", job.attempts + 1, self._clock()
            await session.flush()
            await session.commit()
        if broken_off:
            detail = f"The work was broken off {MOST_BREAKS} times"
            await self._close(job, "failed", problem={"code": "broken_off", "detail": detail, "title": "BrokenOff"})
            return True
        started = perf_counter()
        with tracing.span(f"job {job.kind}", job.traceparent) as span:
            outcome = await self._outcome_of(job, span.traceparent)
            span.tell(mitra__outcome=outcome)
        self.timings.note((self._service, job.kind, outcome), perf_counter() - started)
        return True

    async def _outcome_of(self, job: Job, traceparent: str | None) -> str:
        try:
            if job.cancel_requested:
                raise JobCancelled
            await self._carry_out(job, traceparent)
        except ClaimLost:
            log.warning("job_claim_lost", kind=job.kind, job_id=str(job.id), attempt=job.attempts)
            return "lost"
        except JobCancelled:
            return await self._close(job, "cancelled")
        except Refusal as refusal:
            return await self._close(job, "failed", problem=problem_of(refusal, job.correlation_id))
        except Exception as error:
            return await self._retry_or_fail(job, error)
        return "succeeded"

    async def _carry_out(self, job: Job, traceparent: str | None) -> None:
        context = Context(job.tenant_id, job.actor, job.correlation_id, str(job.id), traceparent)
        async with self._database.session(context if job.tenant_id != NO_TENANT else None) as session:
            session.info["clock"] = self._clock
            result = await self._handlers[job.kind](session, self._work_of(job))
            done = await session.execute(update(Job).where(*_claim(job)).values(**self._completion(job, result)).returning(Job.id))
            if done.one_or_none() is None:
                await _check_armed(session, job)
            await session.commit()

    def _work_of(self, job: Job) -> Work:
        report = self._reporter(job.id)
        return Work(job.id, job.kind, job.key, job.tenant_id, job.arguments, self._settings, self._contacts, self._clock, report)

    def _completion(self, job: Job, result: dict[str, Any] | None) -> dict[str, Any]:
        at = self._clock()
        every = self._schedules.get(job.kind)
        if every is not None and job.tenant_id == NO_TENANT:
            return {"status": "queued", "run_at": at + timedelta(seconds=every), "attempts": 0, "result": result, "updated_at": at}
        return {"status": "succeeded", "progress_bps": 10_000, "result": result, "updated_at": at}

    def _reporter(self, job_id: UUID) -> Callable[[int, dict[str, int]], Awaitable[None]]:
        async def report(progress_bps: int, counts: dict[str, int]) -> None:
            async with self._database.session() as session:
                cancelled = await session.scalar(
                    update(Job).where(Job.id == job_id).values(progress_bps=progress_bps, counts=counts).returning(Job.cancel_requested)
                )
                await session.commit()
            if cancelled:
                raise JobCancelled

        return report

    async def _retry_or_fail(self, job: Job, error: Exception) -> str:
        log.error("job_failed", kind=job.kind, job_id=str(job.id), attempt=job.attempts, error_type=type(error).__name__, exc_info=error)
        if job.attempts < MOST_ATTEMPTS or job.kind in self._schedules:
            delay = timedelta(seconds=min(2**job.attempts, 300))
            async with self._database.session() as session:
                await session.execute(update(Job).where(*_claim(job)).values(status="queued", run_at=self._clock() + delay))
                await session.commit()
            return "retried"
        problem = {"code": "internal", "detail": "The work failed on our side", "title": type(error).__name__}
        return await self._close(job, "failed", problem=problem)

    async def _close(self, job: Job, status: Status, *, problem: dict[str, Any] | None = None) -> Status:
        async with self._database.session() as session:
            closing = update(Job).where(*_claim(job)).values(status=status, problem=problem, updated_at=self._clock())
            await session.execute(closing)
            await session.commit()
        return status


def _claim(job: Job) -> tuple[ColumnElement[bool], ...]:
    """Whether the job is still claimed as it was when `job` was read: nobody has claimed, ended or armed it since."""
    return Job.id == job.id, Job.status == "running", Job.attempts == job.attempts, Job.updated_at == job.updated_at


async def _check_armed(session: AsyncSession, job: Job) -> None:
    """Raises ClaimLost, unless the job was only armed once more meanwhile: then its effect stands, and it stays queued."""
    found = await session.execute(select(Job.status, Job.attempts).where(Job.id == job.id).with_for_update())
    if job.tenant_id == NO_TENANT or tuple(found.one()) != ("queued", 0):
        raise ClaimLost
