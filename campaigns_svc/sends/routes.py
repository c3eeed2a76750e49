"""The HTTP routes of sends, and of the recipients of a campaign."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.events.campaigns_course import Counts
from services.paging import ListQuery, Page, page_of
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import explaining, queries
from .models import Send
from .schemas import Explanation, RecipientRead, SendRead

router = Router("sends", prefix="/v1/sends")
campaign_router = Router("campaigns", prefix="/v1/campaigns")


@router.operation("GET", "", name="list", scope="sends:read", response_model=Page[SendRead])
async def list_sends(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List sends: sent, skipped and failed. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(SendRead, await queries.list_sends(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="sends:read", response_model=Page[SendRead])
async def search_sends(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(SendRead, await queries.list_sends(session, query, me=caller.user_id))


@router.operation("GET", "/{send_id}", name="get", scope="sends:read", response_model=SendRead)
async def get_send(session: SessionDep, send_id: UUID) -> Response:
    """Read a send. Errors: 404."""
    return await show_record(session, Send, send_id, schema=SendRead, noun="send")


@campaign_router.operation(
    "GET", "/{campaign_id}/recipients", name="recipients", scope="campaigns:read", response_model=Page[RecipientRead]
)
async def list_recipients(session: SessionDep, caller: CallerDep, campaign_id: UUID, query: Annotated[ListQuery, Query()]) -> Response:
    """Who a campaign writes to, and where each stands: planned, claimed, unknown, sent, skipped or failed. Errors: 404, 422."""
    return page_of(RecipientRead, await explaining.list_recipients(session, campaign_id, query, me=caller.user_id))


@campaign_router.operation("GET", "/{campaign_id}/counts", name="counts", scope="campaigns:read", response_model=Counts)
async def count_recipients(session: SessionDep, campaign_id: UUID) -> Counts:
    """How many recipients stand where. Errors: 404."""
    return await explaining.count_recipients(session, campaign_id)


@campaign_router.operation("GET", "/{campaign_id}/explain", name="explain", scope="campaigns:read", response_model=Explanation)
async def explain(session: SessionDep, campaign_id: UUID, contact_id: UUID) -> Explanation:
    """Why a contact is written to by a campaign, or is not. Errors: 404."""
    return await explaining.explain(session, campaign_id, contact_id)
