"""The HTTP routes of senders."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Sender
from .schemas import Blocking, SenderCreate, SenderPatch, SenderRead

router = Router("senders", prefix="/v1/senders")


@router.operation("GET", "", name="list", scope="senders:read", response_model=Page[SenderRead])
async def list_senders(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List senders. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(SenderRead, await queries.list_senders(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="senders:read", response_model=Page[SenderRead])
async def search_senders(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(SenderRead, await queries.list_senders(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="senders:write", response_model=SenderRead, status_code=201)
async def create_sender(session: SessionDep, response: Response, body: SenderCreate) -> Sender:
    """Create a sender. Errors: 422."""
    (sender,) = await operations.create_senders(session, [body])
    stamp(response, "sender", sender)
    return sender


@router.operation("POST", "/batch", name="batch", scope="senders:write", response_model=BatchAnswer)
async def batch_senders(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations; senders bear no external ids, so none is an upsert. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{sender_id}", name="get", scope="senders:read", response_model=SenderRead)
async def get_sender(session: SessionDep, sender_id: UUID) -> Response:
    """Read a sender. Errors: 404."""
    return await show_record(session, Sender, sender_id, schema=SenderRead, noun="sender")


@router.operation("PATCH", "/{sender_id}", name="update", scope="senders:write", response_model=SenderRead)
async def update_sender(session: SessionDep, response: Response, sender_id: UUID, body: SenderPatch, if_match: IfMatch = None) -> Sender:
    """Change a sender by merge patch. Errors: 404, 409 for a blocked one, or an address that was verified, 412, 422, 428."""
    sender = await operations.update_sender(session, sender_id, body, if_match)
    stamp(response, "sender", sender)
    return sender


@router.operation("POST", "/{sender_id}/archive", name="archive", scope="senders:write", response_model=SenderRead)
async def archive_sender(session: SessionDep, response: Response, sender_id: UUID) -> Sender:
    """Hide a sender from lists. Errors: 404."""
    sender = await operations.archive_sender(session, sender_id)
    stamp(response, "sender", sender)
    return sender


@router.operation("POST", "/{sender_id}/restore", name="restore", scope="senders:write", response_model=SenderRead)
async def restore_sender(session: SessionDep, response: Response, sender_id: UUID) -> Sender:
    """Bring a sender back to lists. Errors: 404."""
    sender = await operations.restore_sender(session, sender_id)
    stamp(response, "sender", sender)
    return sender


@router.operation("POST", "/{sender_id}/verify", name="verify", scope="senders:write", response_model=SenderRead)
async def verify_sender(session: SessionDep, response: Response, sender_id: UUID) -> Sender:
    """Confirm that we may send in its name. Errors: 404, 409 when it is no draft."""
    sender = await operations.verify_sender(session, sender_id)
    stamp(response, "sender", sender)
    return sender


@router.operation("POST", "/{sender_id}/block", name="block", scope="senders:write", response_model=SenderRead)
async def block_sender(session: SessionDep, response: Response, sender_id: UUID, body: Blocking = Blocking()) -> Sender:
    """Send nothing more in its name. Errors: 404, 409 while it is a draft, or when it is blocked already."""
    sender = await operations.block_sender(session, sender_id, body)
    stamp(response, "sender", sender)
    return sender
