"""The HTTP routes of consents, the pages behind their links, and what other services ask of requests."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import stamp
from services.routing import CallerDep, Router, SessionDep, links_of, open_session
from services.showing import show_record

from . import asking, links, operations, pages, queries
from .models import Consent
from .schemas import ConsentCreate, ConsentGrant, ConsentIds, ConsentRead, ConsentRequests, ConsentsOfContact, ConsentWithdrawal

router = Router("consents", prefix="/v1/consents")
contact_router = Router("consents", prefix="/v1/contacts")
internal_router = Router("consents", prefix="/internal/consents")
READ, WRITE = "consents:read", "consents:write"
AsOf = Annotated[AwareDatetime | None, Query(description="As it was known at this instant")]
ASK_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": ConsentRead, "description": "There is one: it moved, or stands so already"},
    201: {"model": ConsentRead, "description": "New"},
}


@router.operation("GET", "", name="list", scope=READ, response_model=Page[ConsentRead])
async def list_consents(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List consents. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ConsentRead, await queries.list_consents(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope=READ, response_model=Page[ConsentRead])
async def search_consents(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(ConsentRead, await queries.list_consents(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope=WRITE, response_model=ConsentRead, status_code=201, responses=ASK_ANSWERS)
async def create_consent(session: SessionDep, response: Response, body: ConsentCreate) -> Consent:
    """Ask a contact for a consent, or write down one that a proof shows. There is one for each contact, purpose, channel and topic: asking
    again moves it. Errors: 409 where it stands otherwise (withdrawn needs a new proof), 422.
    """
    response.status_code, consent = await asking.ask_consent(session, body)
    stamp(response, "consent", consent)
    return consent


@router.operation("POST", "/batch", name="batch", scope=WRITE, response_model=BatchAnswer)
async def batch_consents(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations `create`, written set-based. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, asking.BATCH)


@router.operation("GET", "/links/{token}", name="look", scope="public", response_class=HTMLResponse)
async def look_at_request(request: Request, token: str) -> HTMLResponse:
    """The page that asks for a consent; looking changes nothing. Errors: 404, 410."""
    link = links_of(request, queries.LINK_PURPOSE).read(token)
    followed = await links.look_at_request(open_session(request, UUID(link["tenant"]), f"contact:{link['contact']}"), link)
    return pages.page_of(followed)


@router.operation("POST", "/links/{token}", name="follow", scope="public", response_class=HTMLResponse)
async def follow_link(request: Request, token: str) -> HTMLResponse:
    """Confirm a request by the link that its contact was sent. Errors: 404, 410."""
    link = links_of(request, queries.LINK_PURPOSE).read(token)
    followed = await links.follow_link(open_session(request, UUID(link["tenant"]), f"contact:{link['contact']}"), link)
    return pages.page_of(followed)


@router.operation("GET", "/{consent_id}", name="get", scope=READ, response_model=ConsentRead)
async def get_consent(session: SessionDep, consent_id: UUID) -> Response:
    """Read a consent. Errors: 404."""
    return await show_record(session, Consent, consent_id, schema=ConsentRead, noun="consent")


@router.operation("POST", "/{consent_id}/grant", name="grant", scope=WRITE, response_model=ConsentRead)
async def grant_consent(session: SessionDep, response: Response, consent_id: UUID, body: ConsentGrant) -> Consent:
    """Grant a consent by a proof; one that was withdrawn by a proof from after that. Errors: 404, 409, 422."""
    consent = await operations.grant_consent(session, consent_id, body)
    stamp(response, "consent", consent)
    return consent


@router.operation("POST", "/{consent_id}/confirm", name="confirm", scope=WRITE, response_model=ConsentRead)
async def confirm_consent(session: SessionDep, response: Response, consent_id: UUID) -> Consent:
    """Confirm a request for its contact. Errors: 404, 409 where none waits."""
    consent = await operations.confirm_consent(session, await operations.lock_consent(session, consent_id))
    stamp(response, "consent", consent)
    return consent


@router.operation("POST", "/{consent_id}/withdraw", name="withdraw", scope=WRITE, response_model=ConsentRead)
async def withdraw_consent(
    session: SessionDep, response: Response, consent_id: UUID, body: ConsentWithdrawal = ConsentWithdrawal()
) -> Consent:
    """Withdraw a consent. Errors: 404, 409 where it is not granted."""
    consent = await operations.withdraw_consent(session, consent_id, body)
    stamp(response, "consent", consent)
    return consent


@contact_router.operation("GET", "/{contact_id}/consents", name="of_contact", scope=READ, response_model=ConsentsOfContact)
async def list_consents_of_contact(session: SessionDep, contact_id: UUID, as_of: AsOf = None) -> object:
    """The consents of a contact as they stand, or as they were known at an instant (by when it was recorded). Errors: 404, 422."""
    return {"as_of": as_of, "items": await queries.consents_of(session, contact_id, as_of)}


@internal_router.operation("POST", "/requests", name="requests", scope="internal", response_model=ConsentRequests)
async def find_requests(request: Request, session: SessionDep, body: ConsentIds) -> ConsentRequests:
    """What the contacts of up to 500 requests are to be told, for who sends the mail. Errors: 403 for people and keys, 422."""
    return await queries.find_requests(session, body.ids, links_of(request, queries.LINK_PURPOSE))
