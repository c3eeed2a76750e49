"""Jobs: long or late work as durable rows, claimed under an advisory lock, run as their tenant, readable over HTTP."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from fastapi import Response
from sqlalchemy import Index, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.clock import Clock
from services.database import Base, Context, context_of, now
from services.errors import NotFound, WrongState
from services.identifiers import new_id
from services.settings import Settings
from services.wire import Output

if TYPE_CHECKING:
    from services.contact_resolver import ContactResolver  # contacts' application, which has routes of jobs

NO_TENANT = UUID(int=0)
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class Job(Base):
    """One piece of work. (tenant, kind, key) is unique: asking twice for the same work answers the same job."""

    __tablename__ = "job"
    __table_args__ = (
        Index("uq_job_work", "tenant_id", "kind", "key", unique=True),
        Index("ix_job_due", "run_at", postgresql_where=text("status IN ('queued', 'running')")),
    )
    kit_only = True
    silent = True
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    kind: Mapped[str]
    key: Mapped[str]
    status: Mapped[str]
    run_at: Mapped[datetime]
    arguments: Mapped[dict[str, Any]]
    progress_bps: Mapped[int]
    counts: Mapped[dict[str, Any]]
    attempts: Mapped[int]
    cancel_requested: Mapped[bool]
    result: Mapped[dict[str, Any] | None]
    problem: Mapped[dict[str, Any] | None]
    actor: Mapped[str]
    correlation_id: Mapped[str]
    traceparent: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class JobCancelled(Exception):
    """The job was asked to stop and does so between two steps."""


@dataclass(frozen=True)
class Work:
    """What a job's handler gets: its key and arguments, and `report` to show progress and hear of a cancel. `settings` are those
    of the process, for instance where mail goes out; `contacts` tells how people are called and reached.
    """

    id: UUID
    kind: str
    key: str
    tenant_id: UUID
    arguments: dict[str, Any]
    settings: Settings
    contacts: "ContactResolver"
    clock: Clock
    report: Callable[[int, dict[str, int]], Awaitable[None]]


JobHandler = Callable[[AsyncSession, Work], Awaitable[dict[str, Any] | None]]


async def enqueue(
    session: AsyncSession, kind: str, key: str, *, arguments: dict[str, Any] | None = None, run_at: datetime | None = None
) -> Job:
    """Ask for work in the running transaction; the same (kind, key) answers the job that is there already."""
    context = context_of(session)
    at = now(session)
    row = new_row(kind, key, at=at, run_at=run_at or at, context=context, arguments=arguments or {})
    await session.execute(insert(Job).values(row).on_conflict_do_nothing())
    found = await session.scalars(select(Job).where(Job.tenant_id == context.tenant_id, Job.kind == kind, Job.key == key))
    return found.one()


def new_row(kind: str, key: str, *, at: datetime, run_at: datetime, context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """The columns of work that is asked for `at` this moment, and waits until `run_at`."""
    return {
        "id": new_id(),
        "tenant_id": context.tenant_id,
        "kind": kind,
        "key": key,
        "status": "queued",
        "run_at": run_at,
        "arguments": arguments,
        "progress_bps": 0,
        "counts": {},
        "attempts": 0,
        "cancel_requested": False,
        "actor": context.actor,
        "correlation_id": context.correlation_id,
        "traceparent": context.traceparent,
        "created_at": at,
        "updated_at": at,
    }


class JobRead(Output):
    """A job: what it is, how far it got, and what came of it. read = accepted + rejected + skipped."""

    id: UUID
    kind: str
    status: Status
    progress_bps: int
    counts: dict[str, int]
    result: dict[str, Any] | None
    problem: dict[str, Any] | None
    run_at: datetime
    created_at: datetime
    updated_at: datetime


async def get_job(session: AsyncSession, job_id: UUID) -> Job:
    """The caller's job. Raises NotFound; the tenant is compared here because this table has no row-level security."""
    job = await session.get(Job, job_id)
    if job is None or job.tenant_id != context_of(session).tenant_id:
        raise NotFound(f"There is no job {job_id}")
    return job


async def cancel_job(session: AsyncSession, job_id: UUID) -> Job:
    """Ask a job to stop between two steps. Raises NotFound, WrongState when it has ended."""
    job = await get_job(session, job_id)
    await session.refresh(job, with_for_update=True)
    if job.status not in ("queued", "running"):
        raise WrongState("cancel", state=job.status, verbs_that_fit=[])
    job.cancel_requested = True
    if job.status == "queued":
        job.status = "cancelled"
    await session.flush()
    return job


def accepted(response: Response, service: str, job: Job) -> Job:
    """Say on `response` where the job that was asked for is to be read."""
    response.headers["Location"] = f"/v1/{service}-jobs/{job.id}"
    return job


async def count_jobs(session: AsyncSession) -> dict[str, int]:
    """How many jobs of this database are in each state."""
    rows = await session.execute(select(Job.status, func.count()).group_by(Job.status))
    return dict(rows.all())
