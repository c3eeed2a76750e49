"""The HTTP routes of messages."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.paging import ListQuery, Page
from services.preconditions import stamp
from services.routing import CallerDep, Router, SessionDep

from . import operations, queries
from .models import Message
from .schemas import MessageCreate, MessageRead

router = Router("messages", prefix="/v1/tickets")


@router.operation("GET", "/{ticket_id}/messages", name="list", scope="tickets:read", response_model=Page[MessageRead])
async def list_messages(session: SessionDep, caller: CallerDep, ticket_id: UUID, query: Annotated[ListQuery, Query()]) -> object:
    """List what was said under a ticket. Errors: 404, 422 for a wrong filter, order or cursor."""
    items, next_cursor, total = await queries.list_messages(session, ticket_id, query, me=caller.user_id)
    return {"items": items, "next_cursor": next_cursor, "total": total}


@router.operation("POST", "/{ticket_id}/messages", name="create", scope="tickets:write", response_model=MessageRead, status_code=201)
async def post_message(session: SessionDep, caller: CallerDep, response: Response, ticket_id: UUID, body: MessageCreate) -> Message:
    """Write a note among the staff, or a reply that the customer sees. Errors: 404, 422."""
    message = await operations.post_message(session, ticket_id, body, me=caller.user_id)
    stamp(response, "message", message)
    return message
