"""Saying something under a ticket, and what that does to the ticket."""

from typing import Any
from uuid import UUID

import nh3
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import birth, now
from services.events.tickets_messages import MessageCreated, MessageSent, MessageState
from services.identifiers import new_id
from services.outbox import record
from tickets_svc.tickets.models import Ticket
from tickets_svc.tickets.movements import note_reply, note_touch
from tickets_svc.tickets.queries import get_ticket
from tickets_svc.tickets.rules import decide_instant

from .models import Message
from .schemas import MessageCreate


def state_of(message: Message) -> MessageState:
    """The public state of a message."""
    return MessageState.model_validate(message)


async def post_message(session: AsyncSession, ticket_id: UUID, body: MessageCreate, *, me: UUID | None) -> Message:
    """Write a note or a reply under a ticket: the first reply is its first response, and any of them opens a new ticket.

    Raises NotFound, Invalid.
    """
    ticket = await get_ticket(session, ticket_id, lock=True)
    at = decide_instant(body.at, now=now(session), not_before=ticket.opened_at)
    is_note = body.kind == "internal"
    message = Message(
        **birth(session, new_id(), partition_key=ticket.partition_key),
        **words(body.text, body.html),
        ticket_id=ticket.id,
        contact_id=ticket.contact_id,
        kind=body.kind,
        channel=ticket.channel,
        direction="none" if is_note else "out",
        status="noted" if is_note else "sent",
        author_id=me,
        happened_at=at,
        auto_reply=False,
    )
    session.add(message)
    fact = MessageCreated(state=state_of(message)) if is_note else MessageSent(state=state_of(message))
    await record(session, message, fact, occurred_at=at)
    await _touch(session, ticket, body, message)
    return message


def words(text: str, html: str | None) -> dict[str, Any]:
    """The columns of what is said; of HTML, what is safe to show."""
    return {"text": text, "html": None if html is None else nh3.clean(html), "bytes": len(text.encode()) + len((html or "").encode())}


async def _touch(session: AsyncSession, ticket: Ticket, body: MessageCreate, message: Message) -> None:
    if body.kind == "public":
        await note_reply(session, ticket, at=message.happened_at)
    else:
        await note_touch(session, ticket, at=message.happened_at)
