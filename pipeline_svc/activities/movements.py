"""The verbs that move an activity, and the timer that finds it overdue: each locks it, asks the rules, changes it and tells of it once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.events.pipeline_activities import (
    ActivityCancelled,
    ActivityCompleted,
    ActivityOverdue,
    ActivityRescheduled,
    ActivityStarted,
)
from services.jobs import Work
from services.outbox import record

from . import rules
from .models import Activity
from .operations import arm_timers, state_of
from .queries import get_activity
from .schemas import Completion, Times


async def start_activity(session: AsyncSession, activity_id: UUID, *, at: datetime | None = None) -> Activity:
    """Begin planned work. Raises NotFound, WrongState, Invalid."""
    activity = await _fitting(session, activity_id, "start")
    at = rules.decide_instant(at, now=now(session))
    activity.status, activity.started_at = "in_progress", at
    await record(session, activity, ActivityStarted(state=state_of(activity)), occurred_at=at)
    return activity


async def complete_activity(session: AsyncSession, activity_id: UUID, done: Completion) -> Activity:
    """End work that was begun. Raises NotFound, WrongState, Invalid."""
    activity = await _fitting(session, activity_id, "complete")
    assert activity.started_at is not None
    at = rules.decide_instant(done.at, now=now(session), since=activity.started_at)
    activity.status, activity.done_at = "done", at
    for name in done.model_fields_set & {"outcome", "notes"}:
        setattr(activity, name, getattr(done, name))
    seconds = int((at - activity.started_at).total_seconds())
    await record(session, activity, ActivityCompleted(state=state_of(activity), seconds=seconds), occurred_at=at)
    return activity


async def cancel_activity(session: AsyncSession, activity_id: UUID, *, at: datetime | None = None) -> Activity:
    """Call planned work off. Raises NotFound, WrongState, Invalid."""
    activity = await _fitting(session, activity_id, "cancel")
    at = rules.decide_instant(at, now=now(session))
    activity.status = "cancelled"
    await record(session, activity, ActivityCancelled(state=state_of(activity)), occurred_at=at)
    return activity


async def reschedule_activity(session: AsyncSession, activity_id: UUID, times: Times) -> Activity:
    """Give planned work other times; those that are not sent stay, null clears. Raises NotFound, WrongState, Invalid."""
    activity = await _fitting(session, activity_id, "reschedule")
    differing = {name: at for name in times.model_fields_set if (at := getattr(times, name)) != getattr(activity, name)}
    if not differing:
        return activity
    for name, at in differing.items():
        setattr(activity, name, at)
    rules.check_times(activity.starts_at, activity.ends_at)
    activity.overdue_since = None
    await record(session, activity, ActivityRescheduled(state=state_of(activity)))
    await arm_timers(session, [activity])
    return activity


async def mark_overdue(session: AsyncSession, work: Work) -> dict[str, Any]:
    """The timer of one activity: flag it if it should have begun by now and has not."""
    activity = await get_activity(session, UUID(work.key), lock=True)
    deadline = rules.deadline(activity.due_at, activity.ends_at)
    is_new = activity.archived_at is None and activity.overdue_since is None
    if is_new and rules.is_overdue(activity.status, deadline=deadline, now=now(session)):
        activity.overdue_since = deadline
        await record(session, activity, ActivityOverdue(state=state_of(activity)), occurred_at=deadline)
    return {"overdue": activity.overdue_since is not None}


async def _fitting(session: AsyncSession, activity_id: UUID, verb: str) -> Activity:
    activity = await get_activity(session, activity_id, lock=True)
    rules.check_fits(verb, activity.status)
    return activity
