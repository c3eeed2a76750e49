"""The HTTP routes of consent purposes."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import ConsentPurpose
from .schemas import ConsentPurposeCreate, ConsentPurposePatch, ConsentPurposeRead, NewWording

router = Router("consent-purposes", prefix="/v1/consent-purposes")
READ, WRITE = "consent-purposes:read", "consent-purposes:write"


@router.operation("GET", "", name="list", scope=READ, response_model=Page[ConsentPurposeRead])
async def list_purposes(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List consent purposes. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ConsentPurposeRead, await queries.list_purposes(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope=READ, response_model=Page[ConsentPurposeRead])
async def search_purposes(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(ConsentPurposeRead, await queries.list_purposes(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope=WRITE, response_model=ConsentPurposeRead, status_code=201)
async def create_purpose(session: SessionDep, response: Response, body: ConsentPurposeCreate) -> ConsentPurpose:
    """Create a consent purpose with its first wordings. Errors: 409 for a key or external id that is taken, 422."""
    purpose = await operations.create_purpose(session, body)
    stamp(response, "consent_purpose", purpose)
    return purpose


@router.operation("POST", "/batch", name="batch", scope=WRITE, response_model=BatchAnswer)
async def batch_purposes(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{purpose_id}", name="get", scope=READ, response_model=ConsentPurposeRead)
async def get_purpose(session: SessionDep, purpose_id: UUID) -> Response:
    """Read a consent purpose with all versions of its wordings. Errors: 404."""
    return await show_record(session, ConsentPurpose, purpose_id, schema=ConsentPurposeRead, noun="consent_purpose")


@router.operation("PATCH", "/{purpose_id}", name="update", scope=WRITE, response_model=ConsentPurposeRead)
async def update_purpose(
    session: SessionDep, response: Response, purpose_id: UUID, body: ConsentPurposePatch, if_match: IfMatch = None
) -> ConsentPurpose:
    """Change a consent purpose by merge patch. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    purpose = await operations.update_purpose(session, purpose_id, body, if_match)
    stamp(response, "consent_purpose", purpose)
    return purpose


@router.operation("POST", "/{purpose_id}/word", name="word", scope=WRITE, response_model=ConsentPurposeRead)
async def word_purpose(session: SessionDep, response: Response, purpose_id: UUID, body: NewWording) -> ConsentPurpose:
    """Ask in new words from now on: the next version in a language. What was agreed to before stays as it was worded. Errors: 404, 422."""
    purpose = await operations.word_purpose(session, purpose_id, body)
    stamp(response, "consent_purpose", purpose)
    return purpose


@router.operation("POST", "/{purpose_id}/archive", name="archive", scope=WRITE, response_model=ConsentPurposeRead)
async def archive_purpose(session: SessionDep, response: Response, purpose_id: UUID) -> ConsentPurpose:
    """Ask nobody for it any more; consents that there are stay. Errors: 404."""
    purpose = await operations.archive_purpose(session, purpose_id)
    stamp(response, "consent_purpose", purpose)
    return purpose


@router.operation("POST", "/{purpose_id}/restore", name="restore", scope=WRITE, response_model=ConsentPurposeRead)
async def restore_purpose(session: SessionDep, response: Response, purpose_id: UUID) -> ConsentPurpose:
    """Ask for it again. Errors: 404."""
    purpose = await operations.restore_purpose(session, purpose_id)
    stamp(response, "consent_purpose", purpose)
    return purpose
