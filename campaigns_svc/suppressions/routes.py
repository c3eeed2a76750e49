"""The HTTP routes of suppressions."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from services.paging import ListQuery, Page, page_of
from services.preconditions import stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .hashing import hasher_of
from .models import Suppression
from .schemas import SuppressionCreate, SuppressionRead

router = Router("suppressions", prefix="/v1/suppressions")


@router.operation("GET", "", name="list", scope="suppressions:read", response_model=Page[SuppressionRead])
async def list_suppressions(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List suppressions. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(SuppressionRead, await queries.list_suppressions(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="suppressions:read", response_model=Page[SuppressionRead])
async def search_suppressions(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(SuppressionRead, await queries.list_suppressions(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="suppressions:write", response_model=SuppressionRead, status_code=201)
async def create_suppression(
    session: SessionDep, caller: CallerDep, request: Request, response: Response, body: SuppressionCreate
) -> Suppression:
    """Send nothing to an address any more; the address itself is not kept. Errors: 409 when it is barred already, 422."""
    hashed = hasher_of(request.app.state.settings, caller.tenant_id)(body.address)
    suppression = await operations.create_suppression(session, operations.Bar(hashed, body.reason, body.topic_id))
    return stamped(response, suppression)


@router.operation("GET", "/{suppression_id}", name="get", scope="suppressions:read", response_model=SuppressionRead)
async def get_suppression(session: SessionDep, suppression_id: UUID) -> Response:
    """Read a suppression. Errors: 404."""
    return await show_record(session, Suppression, suppression_id, schema=SuppressionRead, noun="suppression")


@router.operation("POST", "/{suppression_id}/lift", name="lift", scope="suppressions:write", response_model=SuppressionRead)
async def lift_suppression(session: SessionDep, response: Response, suppression_id: UUID) -> Suppression:
    """Bar the address no longer. Errors: 404, 409 when it was lifted, or stands for an erasure."""
    return stamped(response, await operations.lift_suppression(session, suppression_id))


def stamped(response: Response, suppression: Suppression) -> Suppression:
    """The suppression, its version on the answer."""
    stamp(response, "suppression", suppression)
    return suppression
