"""The HTTP routes of mailboxes."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Mailbox
from .schemas import MailboxCreate, MailboxPatch, MailboxRead

router = Router("mailboxes", prefix="/v1/mailboxes")


@router.operation("GET", "", name="list", scope="mailboxes:read", response_model=Page[MailboxRead])
async def list_mailboxes(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List mailboxes. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(MailboxRead, await queries.list_mailboxes(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="mailboxes:read", response_model=Page[MailboxRead])
async def search_mailboxes(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(MailboxRead, await queries.list_mailboxes(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="mailboxes:write", response_model=MailboxRead, status_code=201)
async def create_mailbox(session: SessionDep, response: Response, body: MailboxCreate) -> Mailbox:
    """Create a mailbox. Errors: 409 for an external id that is taken, 422."""
    mailbox = await operations.create_mailbox(session, body)
    stamp(response, "mailbox", mailbox)
    return mailbox


@router.operation("POST", "/batch", name="batch", scope="mailboxes:write", response_model=BatchAnswer)
async def batch_mailboxes(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{mailbox_id}", name="get", scope="mailboxes:read", response_model=MailboxRead)
async def get_mailbox(session: SessionDep, mailbox_id: UUID) -> Response:
    """Read a mailbox. Errors: 404."""
    return await show_record(session, Mailbox, mailbox_id, schema=MailboxRead, noun="mailbox")


@router.operation("PATCH", "/{mailbox_id}", name="update", scope="mailboxes:write", response_model=MailboxRead)
async def update_mailbox(
    session: SessionDep, response: Response, mailbox_id: UUID, body: MailboxPatch, if_match: IfMatch = None
) -> Mailbox:
    """Change a mailbox. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    mailbox = await operations.update_mailbox(session, mailbox_id, body, if_match)
    stamp(response, "mailbox", mailbox)
    return mailbox


@router.operation("POST", "/{mailbox_id}/retire", name="retire", scope="mailboxes:write", response_model=MailboxRead)
async def retire_mailbox(session: SessionDep, response: Response, mailbox_id: UUID) -> Mailbox:
    """Take no more mail through a mailbox. Errors: 404, 409 when it is retired already."""
    mailbox = await operations.retire_mailbox(session, mailbox_id)
    stamp(response, "mailbox", mailbox)
    return mailbox


@router.operation("POST", "/{mailbox_id}/archive", name="archive", scope="mailboxes:write", response_model=MailboxRead)
async def archive_mailbox(session: SessionDep, response: Response, mailbox_id: UUID) -> Mailbox:
    """Hide a mailbox from lists. Errors: 404."""
    mailbox = await operations.archive_mailbox(session, mailbox_id)
    stamp(response, "mailbox", mailbox)
    return mailbox


@router.operation("POST", "/{mailbox_id}/restore", name="restore", scope="mailboxes:write", response_model=MailboxRead)
async def restore_mailbox(session: SessionDep, response: Response, mailbox_id: UUID) -> Mailbox:
    """Bring a mailbox back to lists. Errors: 404."""
    mailbox = await operations.restore_mailbox(session, mailbox_id)
    stamp(response, "mailbox", mailbox)
    return mailbox
