"""The HTTP routes of messages."""

from typing import Annotated
from uuid import UUID

from fastapi import Body, Query, Request, Response

from services.paging import ListQuery, Page, page_of
from services.preconditions import stamp
from services.routing import CallerDep, Router, SessionDep

from . import operations, queries, receiving
from .models import Message
from .schemas import MessageCreate, MessageRead, Release

router = Router("messages", prefix="/v1/tickets")
mail_router = Router("mailboxes", prefix="/v1/mailboxes")


@router.operation("GET", "/{ticket_id}/messages", name="list", scope="tickets:read", response_model=Page[MessageRead])
async def list_messages(session: SessionDep, caller: CallerDep, ticket_id: UUID, query: Annotated[ListQuery, Query()]) -> Response:
    """List what was said under a ticket. Errors: 404, 422 for a wrong filter, order or cursor."""
    return page_of(MessageRead, await queries.list_messages(session, ticket_id, query, me=caller.user_id))


@router.operation("POST", "/{ticket_id}/messages", name="create", scope="tickets:write", response_model=MessageRead, status_code=201)
async def post_message(session: SessionDep, caller: CallerDep, response: Response, ticket_id: UUID, body: MessageCreate) -> Message:
    """Write a note among the staff, or a reply that the customer sees. Errors: 404, 422."""
    message = await operations.post_message(session, ticket_id, body, me=caller.user_id)
    stamp(response, "message", message)
    return message


@mail_router.operation("POST", "/{mailbox_id}/inbound", name="inbound", scope="mailboxes:write", response_model=MessageRead)
async def receive_mail(
    request: Request, session: SessionDep, response: Response, mailbox_id: UUID, body: Annotated[bytes, Body(media_type="message/rfc822")]
) -> Message:
    """Take in a raw RFC 5322 mail; one that came before is answered as it stands. Errors: 404, 409 for a retired mailbox, 422."""
    message = await receiving.receive_mail(session, mailbox_id, body, secret=request.app.state.link_secret)
    stamp(response, "message", message)
    return message


@mail_router.operation("GET", "/{mailbox_id}/messages", name="messages", scope="mailboxes:read", response_model=Page[MessageRead])
async def list_received(session: SessionDep, caller: CallerDep, mailbox_id: UUID, query: Annotated[ListQuery, Query()]) -> Response:
    """List what came in through a mailbox: `status = "held"` is what waits for somebody to decide. Errors: 404, 422."""
    return page_of(MessageRead, await queries.list_received(session, mailbox_id, query, me=caller.user_id))


@mail_router.operation(
    "POST", "/{mailbox_id}/messages/{message_id}/release", name="release", scope="mailboxes:write", response_model=MessageRead
)
async def release_message(
    session: SessionDep, response: Response, mailbox_id: UUID, message_id: UUID, body: Release = Release()
) -> Message:
    """Let a held mail join a ticket, or open one with it. Errors: 404, 409 when it is not held."""
    message = await receiving.release_message(session, mailbox_id, message_id, body.ticket_id)
    stamp(response, "message", message)
    return message


@mail_router.operation(
    "POST", "/{mailbox_id}/messages/{message_id}/discard", name="discard", scope="mailboxes:write", response_model=MessageRead
)
async def discard_message(session: SessionDep, response: Response, mailbox_id: UUID, message_id: UUID) -> Message:
    """Put a held mail aside for good. Errors: 404, 409 when it is not held."""
    message = await receiving.discard_message(session, mailbox_id, message_id)
    stamp(response, "message", message)
    return message
