"""The HTTP routes of things."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from services.batch import BatchAnswer, BatchRequest, BatchVerbs, run_batch
from services.contracts import Amount
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record
from services.wire import Input

from . import operations, queries
from .models import Thing
from .schemas import ThingCreate, ThingPatch, ThingRead

router = Router("things", prefix="/v1/things")


class Use(Input):
    """How much of it is used."""

    amount_minor: Amount = Field(0, ge=0)


@router.operation("GET", "", name="list", scope="things:read", response_model=Page[ThingRead])
async def list_things(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List things. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ThingRead, await queries.list_things(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="things:read", response_model=Page[ThingRead])
async def search_things(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(ThingRead, await queries.list_things(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="things:write", response_model=ThingRead, status_code=201)
async def create_thing(session: SessionDep, response: Response, body: ThingCreate) -> Thing:
    """Create a thing. Errors: 422."""
    (thing,) = await operations.create_things(session, [body])
    stamp(response, "thing", thing)
    return thing


@router.operation("POST", "/batch", name="batch", scope="things:write", response_model=BatchAnswer)
async def batch_things(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, BATCH)


@router.operation("GET", "/{thing_id}", name="get", scope="things:read", response_model=ThingRead)
async def get_thing(session: SessionDep, thing_id: UUID) -> Response:
    """Read a thing. Errors: 404."""
    return await show_record(session, Thing, thing_id, schema=ThingRead, noun="thing")


@router.operation("PATCH", "/{thing_id}", name="update", scope="things:write", response_model=ThingRead)
async def update_thing(session: SessionDep, response: Response, thing_id: UUID, body: ThingPatch, if_match: IfMatch = None) -> Thing:
    """Change a thing by merge patch. Errors: 404, 412, 422, 428."""
    thing = await operations.update_thing(session, thing_id, body, if_match)
    stamp(response, "thing", thing)
    return thing


@router.operation("POST", "/{thing_id}/use", name="use", scope="things:write", response_model=ThingRead)
async def use_thing(session: SessionDep, response: Response, thing_id: UUID, body: Use) -> Thing:
    """Put a thing to use. Errors: 404, 409 when it is used already."""
    thing = await operations.use_thing(session, thing_id, body.amount_minor)
    stamp(response, "thing", thing)
    return thing


@router.operation("POST", "/{thing_id}/archive", name="archive", scope="things:write", response_model=ThingRead)
async def archive_thing(session: SessionDep, response: Response, thing_id: UUID) -> Thing:
    """Hide a thing from lists. Errors: 404."""
    thing = await operations.archive_thing(session, thing_id)
    stamp(response, "thing", thing)
    return thing


@router.operation("POST", "/{thing_id}/restore", name="restore", scope="things:write", response_model=ThingRead)
async def restore_thing(session: SessionDep, response: Response, thing_id: UUID) -> Thing:
    """Bring a thing back to lists. Errors: 404."""
    thing = await operations.restore_thing(session, thing_id)
    stamp(response, "thing", thing)
    return thing


BATCH = BatchVerbs(ThingCreate, ThingPatch, operations.create_each, operations.upsert_each, operations.update_each, operations.archive_each)
