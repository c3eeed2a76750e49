"""The HTTP routes of contacts, and the one by which other services learn how to reach them."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response

from services.batch import BatchAnswer, BatchRequest, BatchVerbs, run_batch
from services.contracts import Code, ExternalId
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries, upserts
from .models import Contact
from .points import PointKind
from .schemas import Clues, ContactAssignment, ContactCreate, ContactIds, ContactPatch, ContactRead, Reached, Resolution

router = Router("contacts", prefix="/v1/contacts")
internal_router = Router("contacts", prefix="/internal/contacts")
Source = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:#+-]{0,127}$", description="The other system; in a path without a slash")]
UPSERT_ANSWERS = {
    200: {"description": "Known: changed, or as it was when nothing differs"},
    201: {"model": ContactRead, "description": "New"},
}


@router.operation("GET", "", name="list", scope="contacts:read", response_model=Page[ContactRead])
async def list_contacts(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List contacts. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ContactRead, await queries.list_contacts(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="contacts:read", response_model=Page[ContactRead])
async def search_contacts(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(ContactRead, await queries.list_contacts(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="contacts:write", response_model=ContactRead, status_code=201)
async def create_contact(session: SessionDep, response: Response, body: ContactCreate) -> ContactRead:
    """Create a contact. Errors: 409 when another bears one of its external ids, 422."""
    contact = await operations.create_contact(session, body)
    stamp(response, "contact", contact)
    return contact


@router.operation("POST", "/batch", name="batch", scope="contacts:write", response_model=BatchAnswer)
async def batch_contacts(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations: create, update, upsert by external id, archive. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, BATCH)


@router.operation("POST", "/resolve", name="resolve", scope="contacts:read", response_model=Resolution)
async def resolve_contact(session: SessionDep, body: Clues) -> Resolution:
    """Tell which contact is meant by ids, external ids, an e-mail address or a number, and how sure that is. Errors: 422."""
    return await queries.resolve(session, body)


@router.operation(
    "PUT", "/by/{source}/{external_id:path}", name="upsert", scope="contacts:write", response_model=ContactRead, responses=UPSERT_ANSWERS
)
async def upsert_contact(session: SessionDep, response: Response, source: Source, external_id: Code, body: ContactCreate) -> Contact:
    """Create the contact that another system calls so, or change what is sent. Errors: 409 when a further id is taken, 422."""
    response.status_code, contact = await upserts.upsert_contact(session, ExternalId(source=source, id=external_id), body)
    stamp(response, "contact", contact)
    return contact


@router.operation("PUT", "", name="upsert_by_address", scope="contacts:write", response_model=ContactRead, responses=UPSERT_ANSWERS)
async def upsert_by_address(session: SessionDep, response: Response, by: PointKind, body: ContactCreate) -> Contact | ContactRead:
    """Create or change the contact with the body's first e-mail address or number. Errors: 409 when several contacts bear it, 422."""
    response.status_code, contact = await upserts.upsert_by_address(session, by, body)
    stamp(response, "contact", contact)
    return contact


@router.operation("GET", "/{contact_id}", name="get", scope="contacts:read", response_model=ContactRead)
async def get_contact(session: SessionDep, contact_id: UUID) -> Response:
    """Read a contact. Errors: 404."""
    return await show_record(session, Contact, contact_id, schema=ContactRead, noun="contact")


@router.operation("PATCH", "/{contact_id}", name="update", scope="contacts:write", response_model=ContactRead)
async def update_contact(
    session: SessionDep, response: Response, contact_id: UUID, body: ContactPatch, if_match: IfMatch = None
) -> Contact:
    """Change a contact by merge patch. Errors: 404, 409 when another bears one of its external ids, 412, 422, 428."""
    contact = await operations.update_contact(session, contact_id, body, if_match)
    stamp(response, "contact", contact)
    return contact


@router.operation("POST", "/{contact_id}/archive", name="archive", scope="contacts:write", response_model=ContactRead)
async def archive_contact(session: SessionDep, response: Response, contact_id: UUID) -> Contact:
    """Hide a contact from lists. Errors: 404."""
    contact = await operations.archive_contact(session, contact_id)
    stamp(response, "contact", contact)
    return contact


@router.operation("POST", "/{contact_id}/restore", name="restore", scope="contacts:write", response_model=ContactRead)
async def restore_contact(session: SessionDep, response: Response, contact_id: UUID) -> Contact:
    """Bring a contact back to lists. Errors: 404."""
    contact = await operations.restore_contact(session, contact_id)
    stamp(response, "contact", contact)
    return contact


@router.operation("POST", "/{contact_id}/assign", name="assign", scope="contacts:write", response_model=ContactRead)
async def assign_contact(session: SessionDep, response: Response, contact_id: UUID, body: ContactAssignment) -> Contact:
    """Give a contact another owner or account team. Errors: 404, 422."""
    contact = await operations.assign_contact(session, contact_id, body)
    stamp(response, "contact", contact)
    return contact


@internal_router.operation("POST", "/resolve", name="reach", scope="internal", response_model=Reached)
async def reach_contacts(session: SessionDep, body: ContactIds) -> Reached:
    """How to call and reach up to 500 contacts, for other services at the moment of use. Errors: 403 for people and keys, 422."""
    return await queries.reach(session, body.ids)


BATCH = BatchVerbs(
    ContactCreate, ContactPatch, operations.create_each, upserts.upsert_each, operations.update_each, operations.archive_each
)
