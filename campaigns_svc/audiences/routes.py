"""The HTTP routes of audiences."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Audience
from .schemas import AudienceCreate, AudiencePatch, AudienceRead, Preview

router = Router("audiences", prefix="/v1/audiences")


@router.operation("GET", "", name="list", scope="audiences:read", response_model=Page[AudienceRead])
async def list_audiences(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List audiences. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(AudienceRead, await queries.list_audiences(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="audiences:read", response_model=Page[AudienceRead])
async def search_audiences(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(AudienceRead, await queries.list_audiences(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="audiences:write", response_model=AudienceRead, status_code=201)
async def create_audience(session: SessionDep, response: Response, body: AudienceCreate) -> Audience:
    """Create an audience. Errors: 422."""
    (audience,) = await operations.create_audiences(session, [body])
    stamp(response, "audience", audience)
    return audience


@router.operation("POST", "/batch", name="batch", scope="audiences:write", response_model=BatchAnswer)
async def batch_audiences(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations; audiences bear no external ids, so none is an upsert. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{audience_id}", name="get", scope="audiences:read", response_model=AudienceRead)
async def get_audience(session: SessionDep, audience_id: UUID) -> Response:
    """Read an audience. Errors: 404."""
    return await show_record(session, Audience, audience_id, schema=AudienceRead, noun="audience")


@router.operation("PATCH", "/{audience_id}", name="update", scope="audiences:write", response_model=AudienceRead)
async def update_audience(
    session: SessionDep, response: Response, audience_id: UUID, body: AudiencePatch, if_match: IfMatch = None
) -> Audience:
    """Change an audience by merge patch. Errors: 404, 409 when it is no draft, 412, 422, 428."""
    audience = await operations.update_audience(session, audience_id, body, if_match)
    stamp(response, "audience", audience)
    return audience


@router.operation("POST", "/{audience_id}/archive", name="archive", scope="audiences:write", response_model=AudienceRead)
async def archive_audience(session: SessionDep, response: Response, audience_id: UUID) -> Audience:
    """Hide an audience from lists. Errors: 404."""
    audience = await operations.archive_audience(session, audience_id)
    stamp(response, "audience", audience)
    return audience


@router.operation("POST", "/{audience_id}/restore", name="restore", scope="audiences:write", response_model=AudienceRead)
async def restore_audience(session: SessionDep, response: Response, audience_id: UUID) -> Audience:
    """Bring an audience back to lists. Errors: 404."""
    audience = await operations.restore_audience(session, audience_id)
    stamp(response, "audience", audience)
    return audience


@router.operation("POST", "/{audience_id}/ready", name="ready", scope="audiences:write", response_model=AudienceRead)
async def ready_audience(session: SessionDep, response: Response, audience_id: UUID) -> Audience:
    """Count it, and let campaigns begin with it. Errors: 404, 409 when it is no draft."""
    audience = await operations.ready_audience(session, audience_id)
    stamp(response, "audience", audience)
    return audience


@router.operation("POST", "/{audience_id}/preview", name="preview", scope="audiences:read", response_model=Preview)
async def preview_audience(session: SessionDep, audience_id: UUID) -> object:
    """Who is in it now: how many, and 20 of them. Errors: 404."""
    audience = await queries.get_audience(session, audience_id)
    return await queries.preview_audience(session, audience.include, audience.exclude)
