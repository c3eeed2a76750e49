"""The HTTP routes of reasons."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Reason
from .schemas import ReasonCreate, ReasonPatch, ReasonRead

router = Router("reasons", prefix="/v1/reasons")


@router.operation("GET", "", name="list", scope="reasons:read", response_model=Page[ReasonRead])
async def list_reasons(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List reasons. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ReasonRead, await queries.list_reasons(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="reasons:read", response_model=Page[ReasonRead])
async def search_reasons(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(ReasonRead, await queries.list_reasons(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="reasons:write", response_model=ReasonRead, status_code=201)
async def create_reason(session: SessionDep, response: Response, body: ReasonCreate) -> Reason:
    """Create a reason. Errors: 409 for an external id that is taken, 422."""
    reason = await operations.create_reason(session, body)
    stamp(response, "reason", reason)
    return reason


@router.operation("POST", "/batch", name="batch", scope="reasons:write", response_model=BatchAnswer)
async def batch_reasons(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{reason_id}", name="get", scope="reasons:read", response_model=ReasonRead)
async def get_reason(session: SessionDep, reason_id: UUID) -> Response:
    """Read a reason. Errors: 404."""
    return await show_record(session, Reason, reason_id, schema=ReasonRead, noun="reason")


@router.operation("PATCH", "/{reason_id}", name="update", scope="reasons:write", response_model=ReasonRead)
async def update_reason(session: SessionDep, response: Response, reason_id: UUID, body: ReasonPatch, if_match: IfMatch = None) -> Reason:
    """Change a reason by merge patch. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    reason = await operations.update_reason(session, reason_id, body, if_match)
    stamp(response, "reason", reason)
    return reason


@router.operation("POST", "/{reason_id}/retire", name="retire", scope="reasons:write", response_model=ReasonRead)
async def retire_reason(session: SessionDep, response: Response, reason_id: UUID) -> Reason:
    """Let nobody choose a reason any more; where it was chosen it stays. Errors: 404, 409 when it is retired."""
    reason = await operations.retire_reason(session, reason_id)
    stamp(response, "reason", reason)
    return reason


@router.operation("POST", "/{reason_id}/archive", name="archive", scope="reasons:write", response_model=ReasonRead)
async def archive_reason(session: SessionDep, response: Response, reason_id: UUID) -> Reason:
    """Hide a reason from lists. Errors: 404."""
    reason = await operations.archive_reason(session, reason_id)
    stamp(response, "reason", reason)
    return reason


@router.operation("POST", "/{reason_id}/restore", name="restore", scope="reasons:write", response_model=ReasonRead)
async def restore_reason(session: SessionDep, response: Response, reason_id: UUID) -> Reason:
    """Bring a reason back to lists. Errors: 404."""
    reason = await operations.restore_reason(session, reason_id)
    stamp(response, "reason", reason)
    return reason
