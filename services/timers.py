"""Timers: work that is asked for again and again under one key, at a time or by a time, and the schedules that never end."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import Context, context_of, now
from services.jobs import NO_TENANT, Job, new_row
from services.kept_statements import KeptInsert

REPLACED = ("status", "attempts", "cancel_requested", "actor", "correlation_id", "traceparent", "updated_at")
"""What an ask that comes again replaces: the work is done once more, for whoever asked last."""

_ASK = insert(Job.__table__)  # type: ignore[arg-type]
_AGAIN = _ASK.on_conflict_do_update(
    index_elements=["tenant_id", "kind", "key"], set_={name: _ASK.excluded[name] for name in ("run_at", *REPLACED)}
)
_ASK_AGAIN = KeptInsert(_AGAIN, *(column.key for column in Job.__table__.columns if column.key not in ("result", "problem")))


async def arm(session: AsyncSession, kind: str, key: str, *, run_at: datetime | None = None) -> None:
    """Have the work of (kind, key) done once more, at `run_at` or at once, whether it was done before or is being done just now.

    Asks that come before it starts are one; the last of them says when, and for whom. Part of the running transaction.
    """
    await arm_many(session, kind, {key: run_at or now(session)})


async def arm_many(session: AsyncSession, kind: str, run_at: Mapping[str, datetime]) -> None:
    """`arm` for many keys, each with its time (in the order of keys, so that two of them cannot lock each other out)."""
    if not run_at:
        return
    at, context = now(session), context_of(session)
    rows = [new_row(kind, key, at=at, run_at=run_at[key], context=context, arguments={}) for key in sorted(run_at)]
    await _ASK_AGAIN.write(session, rows)


async def arm_by(session: AsyncSession, kind: str, key: str, *, due: datetime) -> None:
    """Have the work of (kind, key) done at `due` at the latest; an earlier time that was asked for stays. Part of the transaction.

    For work that finds by itself what is due: one timer stands for all of it, however many records there are. Where a run that is more
    than a minute off (longer than a transaction lasts) comes early enough, nothing is written, so that writers do not wait for one another.
    """
    at, context = now(session), context_of(session)
    mine = (Job.tenant_id == context.tenant_id, Job.kind == kind, Job.key == key, Job.status == "queued")
    if await session.scalar(select(Job.id).where(*mine, Job.run_at <= due, Job.run_at > at + timedelta(minutes=1))):
        return
    statement = insert(Job).values(new_row(kind, key, at=at, run_at=due, context=context, arguments={}))
    again: dict[str, Any] = {name: statement.excluded[name] for name in REPLACED}
    earliest = func.least(Job.run_at, statement.excluded.run_at)
    again["run_at"] = case((Job.status == "queued", earliest), else_=statement.excluded.run_at)
    await session.execute(statement.on_conflict_do_update(index_elements=[Job.tenant_id, Job.kind, Job.key], set_=again))


async def keep_schedules(session: AsyncSession, schedules: Mapping[str, float], *, actor: str, at: datetime) -> None:
    """Make the row of each recurring schedule (kind → seconds; it belongs to no tenant). One that is further off than its period,
    because a clock that ran ahead was put right, is brought back. Part of the running transaction.
    """
    context = Context(NO_TENANT, actor, "schedule")
    for kind, seconds in schedules.items():
        latest = at + timedelta(seconds=seconds)
        statement = insert(Job).values(new_row(kind, "schedule", at=at, run_at=at, context=context, arguments={}))
        keys = [Job.tenant_id, Job.kind, Job.key]
        await session.execute(statement.on_conflict_do_update(index_elements=keys, set_={"run_at": latest}, where=Job.run_at > latest))
