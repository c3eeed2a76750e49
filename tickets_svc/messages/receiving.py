"""Mail that comes in: it joins a ticket, or is held until somebody decides."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import birth, context_of, now
from services.errors import NotFound, WrongState
from services.events.tickets_messages import MessageDiscarded, MessageHeld, MessageReceived, MessageReleased
from services.identifiers import new_id
from services.outbox import record
from tickets_svc.mailboxes.models import Mailbox
from tickets_svc.mailboxes.queries import get_mailbox
from tickets_svc.queues.queries import find_active_queues
from tickets_svc.tickets.models import Ticket
from tickets_svc.tickets.movements import note_customer
from tickets_svc.tickets.operations import open_ticket
from tickets_svc.tickets.queries import get_ticket
from tickets_svc.tickets.schemas import TicketCreate

from .letters import Letter, hash_of, number_of, read_letter
from .models import MailOut, Message
from .operations import state_of, words

NO_SUBJECT = "(no subject)"


async def receive_mail(session: AsyncSession, mailbox_id: UUID, raw: bytes, *, secret: str) -> Message:
    """Take a mail in: it joins the ticket whose reply it answers, if its sender is one we wrote to there; any other is held.

    Never by the subject. A mail that came before, by its Message-ID, is answered as it stands. Raises NotFound, WrongState, Invalid.
    """
    mailbox = await get_mailbox(session, mailbox_id)
    if mailbox.status != "active":
        raise WrongState("inbound", state=mailbox.status, verbs_that_fit=[])
    letter = read_letter(raw)
    known = await _find_received(session, mailbox_id, letter)
    if known is not None:
        return known
    ticket = await _find_thread(session, mailbox, letter, secret=secret)
    held = "no_thread" if ticket is None else None
    if ticket is not None and not await _is_known(session, ticket, letter, secret=secret):
        held = "stranger"
    joined = ticket if held is None else None
    message = _message(session, mailbox, letter, joined, held)
    session.add(message)
    fact = MessageReceived(state=state_of(message)) if joined is not None else MessageHeld(state=state_of(message))
    await record(session, message, fact)
    if joined is not None and not letter.auto_reply:
        await note_customer(session, joined, at=message.happened_at)
    return message


async def release_message(session: AsyncSession, mailbox_id: UUID, message_id: UUID, ticket_id: UUID | None) -> Message:
    """Let a held mail join a ticket, or open one with it. Raises NotFound, WrongState."""
    message = await _get_held(session, mailbox_id, message_id, "release")
    if ticket_id is None:
        mailbox = await get_mailbox(session, mailbox_id)
        queues = await find_active_queues(session, [mailbox.queue_id] if mailbox.queue_id else [])
        body = TicketCreate(subject_line=message.subject_line or NO_SUBJECT, channel="email", queue_id=next(iter(queues), None))
        ticket_id = (await open_ticket(session, body)).id
    ticket = await get_ticket(session, ticket_id, lock=True)
    message.ticket_id, message.contact_id, message.status, message.held_reason = ticket.id, ticket.contact_id, "threaded", None
    await record(session, message, MessageReleased(state=state_of(message)))
    if not message.auto_reply:
        await note_customer(session, ticket, at=now(session))
    return message


async def discard_message(session: AsyncSession, mailbox_id: UUID, message_id: UUID) -> Message:
    """Put a held mail aside for good. Raises NotFound, WrongState."""
    message = await _get_held(session, mailbox_id, message_id, "discard")
    message.status = "discarded"
    await record(session, message, MessageDiscarded(state=state_of(message)))
    return message


async def _get_held(session: AsyncSession, mailbox_id: UUID, message_id: UUID, verb: str) -> Message:
    message = await session.get(Message, message_id, with_for_update=True)
    if message is None or message.mailbox_id != mailbox_id:
        raise NotFound(f"There is no message {message_id} in this mailbox")
    if message.status != "held":
        raise WrongState(verb, state=message.status, verbs_that_fit=[])
    return message


async def _find_received(session: AsyncSession, mailbox_id: UUID, letter: Letter) -> Message | None:
    if letter.mail_id is None:
        return None
    same = Message.mailbox_id == mailbox_id, Message.mail_id == letter.mail_id, Message.direction == "in"
    return (await session.scalars(select(Message).where(*same))).one_or_none()


async def _find_thread(session: AsyncSession, mailbox: Mailbox, letter: Letter, *, secret: str) -> Ticket | None:
    """The ticket that the mail answers, locked: by the id of a reply of ours, or by the signed address that we gave."""
    found: UUID | None = None
    if letter.references:
        ours = select(Message.ticket_id).where(Message.mail_id.in_(letter.references), Message.direction == "out")
        found = await session.scalar(ours.order_by(Message.created_at.desc()).limit(1))
    if found is None:
        number = number_of(secret, mailbox.id, letter.recipients)
        found = None if number is None else await session.scalar(select(Ticket.id).where(Ticket.number == number))
    return None if found is None else await get_ticket(session, found, lock=True)


async def _is_known(session: AsyncSession, ticket: Ticket, letter: Letter, *, secret: str) -> bool:
    """Whether we wrote to this sender in this ticket, or somebody let mail of this sender join it."""
    hashed = hash_of(secret, context_of(session).tenant_id, letter.sender)
    written = select(MailOut.message_id).where(MailOut.ticket_id == ticket.id, MailOut.address_hash == hashed)
    joined = select(Message.id).where(Message.ticket_id == ticket.id, Message.sender_address == letter.sender)
    return bool(await session.scalar(select(or_(written.exists(), joined.exists()))))


def _message(session: AsyncSession, mailbox: Mailbox, letter: Letter, ticket: Ticket | None, held: str | None) -> Message:
    joins: dict[str, Any] = {"ticket_id": ticket.id, "contact_id": ticket.contact_id} if ticket else {"ticket_id": None, "contact_id": None}
    return Message(
        **birth(session, new_id(), partition_key=ticket.partition_key if ticket else None),
        **words(letter.text, letter.html),
        **joins,
        kind="public",
        direction="in",
        channel="email",
        author_id=None,
        happened_at=now(session),
        status="held" if held else "threaded",
        held_reason=held,
        auto_reply=letter.auto_reply,
        mailbox_id=mailbox.id,
        mail_id=letter.mail_id,
        in_reply_to=next(iter(letter.references), None),
        sender_address=letter.sender,
        subject_line=letter.subject,
    )
