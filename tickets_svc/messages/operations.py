"""Saying something under a ticket, and what that does to the ticket."""

from datetime import datetime
from typing import Any
from uuid import UUID

import nh3
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import birth, now
from services.errors import invalid_field
from services.events.tickets_messages import MessageCreated, MessageSent, MessageState
from services.identifiers import new_id
from services.outbox import record
from services.timers import arm
from tickets_svc.mailboxes.models import Mailbox
from tickets_svc.tickets.models import Ticket
from tickets_svc.tickets.movements import note_reply, note_touch
from tickets_svc.tickets.queries import get_ticket
from tickets_svc.tickets.rules import decide_instant

from .letters import mail_id_of
from .models import MailOut, Message
from .queries import find_last_received
from .schemas import MessageCreate

SEND = "send_reply"


def state_of(message: Message) -> MessageState:
    """The public state of a message."""
    return MessageState.model_validate(message)


async def post_message(session: AsyncSession, ticket_id: UUID, body: MessageCreate, *, me: UUID | None) -> Message:
    """Write a note or a reply under a ticket: the first reply is its first response, and any of them opens a new ticket.

    A reply by mail is queued, and sent by the worker. Raises NotFound, Invalid.
    """
    ticket = await get_ticket(session, ticket_id, lock=True)
    at = decide_instant(body.at, now=now(session), not_before=ticket.opened_at)
    mailbox = await _mailbox(session, ticket, body)
    message = _message(session, ticket, body, mailbox, at=at, me=me)
    session.add(message)
    fact = MessageSent(state=state_of(message)) if message.status == "sent" else MessageCreated(state=state_of(message))
    await record(session, message, fact, occurred_at=at)
    if body.kind == "public":
        await note_reply(session, ticket, at=at)
    else:
        await note_touch(session, ticket, at=at)
    if mailbox is not None:
        key = {"tenant_id": message.tenant_id, "message_id": message.id, "ticket_id": ticket.id}
        await session.execute(insert(MailOut).values(**key, state="queued", address_hash=None, updated_at=now(session)))
        await arm(session, SEND, str(message.id))
    return message


async def _mailbox(session: AsyncSession, ticket: Ticket, body: MessageCreate) -> Mailbox | None:
    """The mailbox from which a reply goes by mail; None for a note, and where the customer does not write by mail. Raises Invalid."""
    if body.kind == "internal":
        return None
    last = await find_last_received(session, ticket.id)
    mailbox_id = body.mailbox_id or (last.mailbox_id if last else None)
    if mailbox_id is None:
        return None
    mailbox = await session.get(Mailbox, mailbox_id)
    if mailbox is None or mailbox.status != "active":
        raise invalid_field("/mailbox_id", "unknown_mailbox", f"There is no active mailbox {mailbox_id}")
    if ticket.contact_id is None and last is None:
        raise invalid_field("/mailbox_id", "no_recipient", "Nobody knows an address of who asked")
    return mailbox


def _message(
    session: AsyncSession, ticket: Ticket, body: MessageCreate, mailbox: Mailbox | None, *, at: datetime, me: UUID | None
) -> Message:
    message_id, is_note = new_id(), body.kind == "internal"
    return Message(
        **birth(session, message_id, partition_key=ticket.partition_key),
        **words(body.text, body.html),
        ticket_id=ticket.id,
        contact_id=ticket.contact_id,
        kind=body.kind,
        direction="none" if is_note else "out",
        channel=ticket.channel if mailbox is None else "email",
        author_id=me,
        happened_at=at,
        auto_reply=False,
        status="noted" if is_note else "sent" if mailbox is None else "queued",
        held_reason=None,
        mailbox_id=mailbox.id if mailbox else None,
        mail_id=mail_id_of(message_id, mailbox.address) if mailbox else None,
        in_reply_to=None,
        sender_address=None,
        subject_line=None,
    )


def words(text: str, html: str | None) -> dict[str, Any]:
    """The columns of what is said; of HTML, what is safe to show."""
    return {"text": text, "html": None if html is None else nh3.clean(html), "bytes": len(text.encode()) + len((html or "").encode())}
