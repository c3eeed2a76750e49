"""Writing activities: their birth (set-based, for one and for many), changes, archive and restore, and what a batch does with them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome, attempt
from services.contracts import ExternalId
from services.database import birth, context_of, now
from services.errors import Refusal
from services.events.pipeline_activities import ActivityArchived, ActivityPlanned, ActivityRestored, ActivityState, ActivityUpdated
from services.external_ids import claim
from services.identifiers import new_id
from services.outbox import record, record_many
from services.preconditions import check_version
from services.timers import arm_many

from . import rules
from .models import Activity
from .queries import get_activity
from .schemas import ActivityCreate, ActivityPatch

NOUN = "activity"
TIMER = "activity_overdue"


def state_of(activity: Activity) -> ActivityState:
    """The public state of an activity."""
    return ActivityState.model_validate(activity)


async def create_activity(session: AsyncSession, activity: ActivityCreate) -> Activity:
    """Plan one activity. Raises Invalid."""
    rules.check_times(activity.starts_at, activity.ends_at)
    (made,) = await create_activities(session, [(new_id(), activity, None)])
    return made


async def create_activities(session: AsyncSession, births: Sequence[tuple[UUID, ActivityCreate, ExternalId | None]]) -> list[Activity]:
    """Write new activities under the given ids and names, their events and timers: one statement each, whatever their number."""
    if not births:
        return []
    rows = [_row(session, activity_id, activity, key) for activity_id, activity, key in births]
    await session.execute(insert(Activity.__table__), rows)  # type: ignore[arg-type]
    made = [Activity(**row) for row in rows]
    await record_many(session, [(activity, ActivityPlanned(state=state_of(activity)), None) for activity in made])
    await arm_timers(session, made)
    return made


async def change_activity(session: AsyncSession, activity_id: UUID, patch: ActivityPatch, if_match: str | None) -> Activity:
    """Change fields. Raises NotFound, PreconditionMissing, Stale."""
    activity = await get_activity(session, activity_id, lock=True)
    check_version(activity.version, if_match)
    return await apply_changes(session, activity, patch)


async def apply_changes(session: AsyncSession, activity: Activity, patch: ActivityPatch) -> Activity:
    """Change what the patch changes of a locked activity; nothing is published where that is nothing."""
    columns = {name: getattr(patch, name) for name in patch.model_fields_set}
    if "contact_ids" in columns:
        columns |= _contacts(patch.contact_ids)
    if "about" in columns:
        columns["about"] = _about(patch)
    differing = {name: value for name, value in columns.items() if getattr(activity, name) != value}
    for name, value in differing.items():
        setattr(activity, name, value)
    if differing:
        await record(session, activity, ActivityUpdated(state=state_of(activity)))
    return activity


async def archive_activity(session: AsyncSession, activity_id: UUID) -> Activity:
    """Hide from lists. Raises NotFound."""
    activity = await get_activity(session, activity_id, lock=True)
    if activity.archived_at is None:
        activity.archived_at = now(session)
        await record(session, activity, ActivityArchived(state=state_of(activity)))
    return activity


async def restore_activity(session: AsyncSession, activity_id: UUID) -> Activity:
    """Bring back to lists; it may become overdue again. Raises NotFound."""
    activity = await get_activity(session, activity_id, lock=True)
    if activity.archived_at is not None:
        activity.archived_at = None
        await record(session, activity, ActivityRestored(state=state_of(activity)))
        await arm_timers(session, [activity])
    return activity


async def arm_timers(session: AsyncSession, activities: Sequence[Activity]) -> None:
    """Have each planned activity looked at when it is due."""
    deadlines = {str(each.id): rules.deadline(each.due_at, each.ends_at) for each in activities if each.status == "planned"}
    await arm_many(session, TIMER, {key: at for key, at in deadlines.items() if at is not None})


async def create_each(session: AsyncSession, activities: Sequence[ActivityCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return await _create_sound(session, [(new_id(), activity, None) for activity in activities])


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, ActivityCreate]]) -> list[Outcome | Refusal]:
    """Create the activities whose external id nobody bears yet; change the fields (not the times) of the others where they differ."""
    sound = [(key, activity) for key, activity in items if _fault(activity) is None]
    births = {key: (new_id(), activity, key) for key, activity in reversed(sound)}
    bearers = await claim(session, NOUN, [(key, activity_id) for key, (activity_id, _, _) in births.items()])
    fresh = [each for key, each in births.items() if bearers[key] == each[0]]
    new = {activity.id: Outcome(201, activity.id, activity.version) for activity in await create_activities(session, fresh)}
    answers: list[Outcome | Refusal] = []
    for key, activity in items:
        fault = _fault(activity)
        if fault is not None:
            answers.append(fault)
        elif bearers[key] in new:
            answers.append(new.pop(bearers[key]))
        else:
            patch = ActivityPatch(**activity.model_dump(exclude_unset=True, include=set(ActivityPatch.model_fields)))
            answers.append(await attempt(session, change_each(session, bearers[key], patch, "*")))
    return answers


async def change_each(session: AsyncSession, activity_id: UUID, patch: ActivityPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    activity = await change_activity(session, activity_id, patch, if_match)
    return Outcome(200, activity.id, activity.version)


async def archive_each(session: AsyncSession, activity_id: UUID) -> Outcome:
    """Archive for a batch."""
    activity = await archive_activity(session, activity_id)
    return Outcome(200, activity.id, activity.version)


async def _create_sound(session: AsyncSession, births: Sequence[tuple[UUID, ActivityCreate, ExternalId | None]]) -> list[Outcome | Refusal]:
    faults = {activity_id: _fault(activity) for activity_id, activity, _ in births}
    made = {each.id: each for each in await create_activities(session, [each for each in births if faults[each[0]] is None])}
    return [faults[activity_id] or Outcome(201, activity_id, made[activity_id].version) for activity_id, _, _ in births]


def _fault(activity: ActivityCreate) -> Refusal | None:
    try:
        rules.check_times(activity.starts_at, activity.ends_at)
    except Refusal as refusal:
        return refusal
    return None


def _row(session: AsyncSession, activity_id: UUID, activity: ActivityCreate, key: ExternalId | None) -> dict[str, Any]:
    about_whom = f"{context_of(session).tenant_id}:{activity.contact_ids[0]}" if activity.contact_ids else None
    return {
        **birth(session, activity_id, partition_key=about_whom),
        **activity.model_dump(),
        **_contacts(activity.contact_ids),
        "about": _about(activity),
        "status": "planned",
        "outcome": None,
        "started_at": None,
        "done_at": None,
        "overdue_since": None,
        "external_ids": [key.model_dump()] if key else [],
    }


def _contacts(contact_ids: Sequence[UUID]) -> dict[str, Any]:
    return {"contact_ids": [str(each) for each in contact_ids], "contact_id": contact_ids[0] if contact_ids else None}


def _about(sent: ActivityCreate | ActivityPatch) -> dict[str, Any] | None:
    return sent.about.model_dump(mode="json") if sent.about else None


VERBS = BatchVerbs(ActivityCreate, ActivityPatch, create_each, upsert_each, change_each, archive_each)
