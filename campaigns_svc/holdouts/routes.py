"""The HTTP routes of holdouts."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Holdout
from .schemas import HoldoutCreate, HoldoutPatch, HoldoutRead

router = Router("holdouts", prefix="/v1/holdouts")


@router.operation("GET", "", name="list", scope="holdouts:read", response_model=Page[HoldoutRead])
async def list_holdouts(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List holdouts. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(HoldoutRead, await queries.list_holdouts(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="holdouts:read", response_model=Page[HoldoutRead])
async def search_holdouts(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(HoldoutRead, await queries.list_holdouts(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="holdouts:write", response_model=HoldoutRead, status_code=201)
async def create_holdout(session: SessionDep, response: Response, body: HoldoutCreate) -> Holdout:
    """Create a holdout. Errors: 422."""
    (holdout,) = await operations.create_holdouts(session, [body])
    stamp(response, "holdout", holdout)
    return holdout


@router.operation("POST", "/batch", name="batch", scope="holdouts:write", response_model=BatchAnswer)
async def batch_holdouts(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations; holdouts bear no external ids, so none is an upsert. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{holdout_id}", name="get", scope="holdouts:read", response_model=HoldoutRead)
async def get_holdout(session: SessionDep, holdout_id: UUID) -> Response:
    """Read a holdout. Errors: 404."""
    return await show_record(session, Holdout, holdout_id, schema=HoldoutRead, noun="holdout")


@router.operation("PATCH", "/{holdout_id}", name="update", scope="holdouts:write", response_model=HoldoutRead)
async def update_holdout(
    session: SessionDep, response: Response, holdout_id: UUID, body: HoldoutPatch, if_match: IfMatch = None
) -> Holdout:
    """Change a holdout by merge patch. Errors: 404, 409 when it has ended, 412, 422, 428."""
    holdout = await operations.update_holdout(session, holdout_id, body, if_match)
    stamp(response, "holdout", holdout)
    return holdout


@router.operation("POST", "/{holdout_id}/archive", name="archive", scope="holdouts:write", response_model=HoldoutRead)
async def archive_holdout(session: SessionDep, response: Response, holdout_id: UUID) -> Holdout:
    """Hide a holdout from lists. Errors: 404."""
    holdout = await operations.archive_holdout(session, holdout_id)
    stamp(response, "holdout", holdout)
    return holdout


@router.operation("POST", "/{holdout_id}/restore", name="restore", scope="holdouts:write", response_model=HoldoutRead)
async def restore_holdout(session: SessionDep, response: Response, holdout_id: UUID) -> Holdout:
    """Bring a holdout back to lists. Errors: 404."""
    holdout = await operations.restore_holdout(session, holdout_id)
    stamp(response, "holdout", holdout)
    return holdout


@router.operation("POST", "/{holdout_id}/end", name="end", scope="holdouts:write", response_model=HoldoutRead)
async def end_holdout(session: SessionDep, response: Response, holdout_id: UUID) -> Holdout:
    """Leave nobody alone by it any more. Errors: 404, 409 when it has ended."""
    holdout = await operations.end_holdout(session, holdout_id)
    stamp(response, "holdout", holdout)
    return holdout
