"""The HTTP routes of activities."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import movements, operations, queries
from .models import Activity
from .schemas import ActivityCreate, ActivityPatch, ActivityRead, Completion, Moment, ScheduleQuery, Times

router = Router("activities", prefix="/v1/activities")


@router.operation("GET", "", name="list", scope="activities:read", response_model=Page[ActivityRead])
async def list_activities(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List activities. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ActivityRead, await queries.list_activities(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="activities:read", response_model=Page[ActivityRead])
async def search_activities(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(ActivityRead, await queries.list_activities(session, query, me=caller.user_id))


@router.operation("GET", "/schedule", name="schedule", scope="activities:read", response_model=Page[ActivityRead])
async def list_schedule(session: SessionDep, caller: CallerDep, query: Annotated[ScheduleQuery, Query()]) -> Response:
    """An owner's open work that touches a window of time, soonest first. Errors: 422."""
    return page_of(ActivityRead, await queries.list_schedule(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="activities:write", response_model=ActivityRead, status_code=201)
async def create_activity(session: SessionDep, response: Response, body: ActivityCreate) -> Activity:
    """Plan an activity. Errors: 422."""
    activity = await operations.create_activity(session, body)
    stamp(response, "activity", activity)
    return activity


@router.operation("POST", "/batch", name="batch", scope="activities:write", response_model=BatchAnswer)
async def batch_activities(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.VERBS)


@router.operation("GET", "/{activity_id}", name="get", scope="activities:read", response_model=ActivityRead)
async def get_activity(session: SessionDep, activity_id: UUID) -> Response:
    """Read an activity. Errors: 404."""
    return await show_record(session, Activity, activity_id, schema=ActivityRead, noun="activity")


@router.operation("PATCH", "/{activity_id}", name="update", scope="activities:write", response_model=ActivityRead)
async def change_activity(
    session: SessionDep, response: Response, activity_id: UUID, body: ActivityPatch, if_match: IfMatch = None
) -> Activity:
    """Change fields; times are changed by reschedule. Errors: 404, 412, 422, 428."""
    activity = await operations.change_activity(session, activity_id, body, if_match)
    stamp(response, "activity", activity)
    return activity


@router.operation("POST", "/{activity_id}/start", name="start", scope="activities:write", response_model=ActivityRead)
async def start_activity(session: SessionDep, response: Response, activity_id: UUID, body: Moment = Moment()) -> Activity:
    """Begin planned work. Errors: 404, 409, 422."""
    activity = await movements.start_activity(session, activity_id, at=body.at)
    stamp(response, "activity", activity)
    return activity


@router.operation("POST", "/{activity_id}/complete", name="complete", scope="activities:write", response_model=ActivityRead)
async def complete_activity(session: SessionDep, response: Response, activity_id: UUID, body: Completion = Completion()) -> Activity:
    """End work that was begun. Errors: 404, 409, 422."""
    activity = await movements.complete_activity(session, activity_id, body)
    stamp(response, "activity", activity)
    return activity


@router.operation("POST", "/{activity_id}/cancel", name="cancel", scope="activities:write", response_model=ActivityRead)
async def cancel_activity(session: SessionDep, response: Response, activity_id: UUID, body: Moment = Moment()) -> Activity:
    """Call planned work off. Errors: 404, 409, 422."""
    activity = await movements.cancel_activity(session, activity_id, at=body.at)
    stamp(response, "activity", activity)
    return activity


@router.operation("POST", "/{activity_id}/reschedule", name="reschedule", scope="activities:write", response_model=ActivityRead)
async def reschedule_activity(session: SessionDep, response: Response, activity_id: UUID, body: Times) -> Activity:
    """Give planned work other times; those not sent stay, null clears. Errors: 404, 409, 422."""
    activity = await movements.reschedule_activity(session, activity_id, body)
    stamp(response, "activity", activity)
    return activity


@router.operation("POST", "/{activity_id}/archive", name="archive", scope="activities:write", response_model=ActivityRead)
async def archive_activity(session: SessionDep, response: Response, activity_id: UUID) -> Activity:
    """Hide an activity from lists. Errors: 404."""
    activity = await operations.archive_activity(session, activity_id)
    stamp(response, "activity", activity)
    return activity


@router.operation("POST", "/{activity_id}/restore", name="restore", scope="activities:write", response_model=ActivityRead)
async def restore_activity(session: SessionDep, response: Response, activity_id: UUID) -> Activity:
    """Bring an activity back to lists. Errors: 404."""
    activity = await operations.restore_activity(session, activity_id)
    stamp(response, "activity", activity)
    return activity
