"""Reading activities."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, func, or_
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound, invalid_field
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Activity
from .schemas import ScheduleQuery

WEEK = timedelta(days=7)
LAST_WEEK = datetime.max.replace(tzinfo=UTC) - WEEK
"""What begins after it has no next seven days: the calendar ends."""

FIELDS: FilterFields = {
    "id": Field("id", Activity.id),
    "kind": Field("choice", Activity.kind),
    "status": Field("choice", Activity.status),
    "contact_id": Field("id", Activity.contact_id),
    "contact_ids": Field("tags", Activity.contact_ids),
    "about_id": Field("id", Activity.about_id),
    "owner_id": Field("id", Activity.owner_id),
    "direction": Field("choice", Activity.direction),
    "initiated_by": Field("choice", Activity.initiated_by),
    "purpose": Field("choice", Activity.purpose),
    "starts_at": Field("instant", Activity.starts_at),
    "ends_at": Field("instant", Activity.ends_at),
    "due_at": Field("instant", Activity.due_at),
    "started_at": Field("instant", Activity.started_at),
    "done_at": Field("instant", Activity.done_at),
    "overdue_since": Field("instant", Activity.overdue_since),
    "campaign_id": Field("id", Activity.campaign_id),
    "created_at": Field("instant", Activity.created_at),
    "updated_at": Field("instant", Activity.updated_at),
}
ORDERS = {
    "created_at": Order(Activity.created_at, datetime),
    "updated_at": Order(Activity.updated_at, datetime),
    "scheduled_at": Order(Activity.scheduled_or_created_at, datetime),  # work without a time stands where it was created
}
_activity = Activity.__table__.c
SCHEDULE = unarchived(Activity).where(
    or_(_activity.status == "planned", _activity.status == "in_progress"),
    _activity.owner_id == bindparam("owner_id"),
    or_(_activity.starts_at.is_not(None), _activity.due_at.is_not(None)),
    _activity.scheduled_or_created_at < bindparam("ends"),
    func.coalesce(_activity.ends_at, _activity.due_at, _activity.starts_at) >= bindparam("starts"),
)
"""An owner's open work that has a time and touches a window."""


async def get_activity(session: AsyncSession, activity_id: UUID, *, lock: bool = False) -> Activity:
    """The activity, locked for a change if asked. Raises NotFound."""
    activity = await session.get(Activity, activity_id, with_for_update=lock or None)
    if activity is None:
        raise NotFound(f"There is no activity {activity_id}")
    return activity


async def list_activities(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the activities that are not archived."""
    statement = filtered(unarchived(Activity), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Activity.id, orders=ORDERS, default="-created_at")


async def list_schedule(session: AsyncSession, query: ScheduleQuery, *, me: UUID | None) -> Found:
    """A page of an owner's open work that has a time and touches the window, soonest first. Raises Invalid."""
    owner_id = query.owner or me
    if owner_id is None:
        raise invalid_field("#query/owner", "missing", "Nobody is asking, so name the owner")
    start = query.from_ or now(session)
    end = query.to or (start + WEEK if start < LAST_WEEK else start)
    if end < start:
        raise invalid_field("#query/to", "before_from", "The window ends before it begins")
    page = ListQuery(page_size=query.page_size, cursor=query.cursor)
    wanted = filtered(SCHEDULE, page, {}, bindings=Bindings(me, start), values={"owner_id": owner_id, "starts": start, "ends": end})
    return await fetch_page(session, wanted, page, id_column=Activity.id, orders=ORDERS, default="scheduled_at")
