"""Replies on their way out: claimed and committed before the mail server is asked, so that none is sent twice."""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from services.contact_resolver import ContactsDown
from services.database import context_of, now
from services.events.tickets_messages import MessageBounced, MessageSent
from services.failpoints import reach
from services.jobs import Work
from services.mail import MailRefused, MailUnavailable, MailUncertain, send_mail
from services.outbox import record
from services.timers import arm
from services.tokens import KeyPairs
from tickets_svc.mailboxes.queries import get_mailbox
from tickets_svc.tickets.queries import get_ticket

from .letters import compose, hash_of, mail_id_of, reply_address
from .models import MailOut, Message
from .operations import SEND, state_of
from .queries import find_last_received

log = structlog.get_logger()
DEPLOYABLE = "tickets_svc"
FAIL_POINTS = ("reply.after_claim", "reply.after_accept")
SOON, LATER = timedelta(seconds=30), timedelta(minutes=5)
NO_ADDRESS = 0


async def send_reply(session: AsyncSession, work: Work) -> None:
    """The job: hand one reply to the mail server. Contacts or the server away: it waits. What was claimed before stays unknown."""
    queued = await _lock(session, work)
    if queued is None:
        return
    if queued.state == "claimed":  # by a worker that died: whether the mail went out, nobody knows
        queued.state = "unknown"
        await session.flush()
        return
    if not work.settings.smtp_url:
        await arm(session, SEND, work.key, run_at=now(session) + LATER)
        return
    await session.commit()  # contacts is asked with nothing locked
    try:
        address = await _address(session, queued.message_id, work)
    except ContactsDown as down:
        log.warning("reply_waits", message_id=work.key, reason=str(down))
        await arm(session, SEND, work.key, run_at=now(session) + SOON)
        return
    queued = await _lock(session, work)
    if queued is None or queued.state != "queued":
        return
    message = await session.get_one(Message, queued.message_id, with_for_update=True, populate_existing=True)
    if address is None:
        await _end(session, queued, message, "failed", code=NO_ADDRESS)
    else:
        await _hand_over(session, queued, message, address, work)


async def _lock(session: AsyncSession, work: Work) -> MailOut | None:
    """The mail of this job, locked, as it is now; None where nothing is left to be done about it."""
    key = {"tenant_id": work.tenant_id, "message_id": UUID(work.key)}
    queued = await session.get(MailOut, key, with_for_update=True, populate_existing=True)
    return queued if queued is not None and queued.state in ("queued", "claimed") else None


async def _address(session: AsyncSession, message_id: UUID, work: Work) -> str | None:
    """Where the customer is written to just now: the address of the contact, or, of an unknown caller, whence the last mail came."""
    message = await session.get_one(Message, message_id)
    if message.contact_id is None:
        last = await find_last_received(session, message.ticket_id)
        return last.sender_address if last else None
    found = await work.contacts.resolve(work.tenant_id, [message.contact_id])
    contact = found.get(message.contact_id)
    return None if contact is None else contact.email


async def _hand_over(session: AsyncSession, queued: MailOut, message: Message, address: str, work: Work) -> None:
    assert message.mailbox_id is not None
    assert message.ticket_id is not None
    mailbox, ticket = await get_mailbox(session, message.mailbox_id), await get_ticket(session, message.ticket_id)
    last = await find_last_received(session, ticket.id)
    secret = KeyPairs.load(work.settings.keys_folder, DEPLOYABLE).link_secret()
    letter = compose(
        mailbox=mailbox.address,
        recipient=address,
        subject=f"Re: {ticket.subject_line} [#{ticket.number}]",
        text=message.text,
        html=message.html,
        mail_id=message.mail_id or mail_id_of(message.id, mailbox.address),
        reply_address=reply_address(secret, mailbox.id, mailbox.address, ticket.number),
        in_reply_to=last.mail_id if last else None,
    )
    queued.state, queued.address_hash = "claimed", hash_of(secret, context_of(session).tenant_id, address)
    await session.flush()
    await session.commit()
    reach("reply.after_claim")
    try:
        await send_mail(work.settings.smtp_url, letter, sender=mailbox.address, recipient=address)
    except MailRefused as refusal:
        await _end(session, queued, message, "failed", code=refusal.code)
    except MailUncertain:
        queued.state = "unknown"
        await session.flush()
    except MailUnavailable:
        queued.state = "queued"
        await session.flush()
        await arm(session, SEND, work.key, run_at=now(session) + SOON)
    else:
        reach("reply.after_accept")
        await _end(session, queued, message, "sent")


async def _end(session: AsyncSession, queued: MailOut, message: Message, state: str, *, code: int = 0) -> None:
    queued.state, queued.updated_at = state, now(session)
    message.status = "sent" if state == "sent" else "bounced"
    fact = MessageSent(state=state_of(message)) if state == "sent" else MessageBounced(state=state_of(message), code=code)
    await record(session, message, fact)
