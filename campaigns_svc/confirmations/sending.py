"""Asking a contact by mail to confirm: the worker's side."""

from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.senders.models import Sender
from campaigns_svc.senders.rules import USABLE
from campaigns_svc.suppressions.hashing import hasher_of
from campaigns_svc.suppressions.queries import find_barred
from services.contact_resolver import AskedConsent, ContactsDown
from services.database import now
from services.jobs import Work
from services.mail import MailRefused, MailUnavailable, send_mail
from services.timers import arm

from .operations import ASK

SOON, LATER = timedelta(seconds=5), timedelta(minutes=10)


async def ask(session: AsyncSession, work: Work) -> dict[str, Any] | None:
    """The job that asks one contact to confirm. It waits for a mail server, for contacts, and for a sender that was verified.

    A request that is over by then is let go. Unlike a campaign's this mail may go out twice, where the worker dies as it is taken.
    """
    pause = await _ask(session, work, UUID(work.key)) if work.settings.smtp_url else LATER
    if pause is not None:
        await arm(session, ASK, work.key, run_at=now(session) + pause)
    return {"asked": pause is None}


async def _ask(session: AsyncSession, work: Work, consent_id: UUID) -> timedelta | None:
    sender = await _find_sender(session)
    if sender is None:
        return LATER
    await session.commit()
    try:
        asked = (await work.contacts.find_asked(work.tenant_id, [consent_id])).get(consent_id)
        if asked is None:
            return None
        contact = (await work.contacts.resolve(work.tenant_id, [asked.contact_id])).get(asked.contact_id)
    except ContactsDown:
        return SOON
    if contact is None or contact.email is None:
        return None
    hashed = hasher_of(work.settings, work.tenant_id)(contact.email)
    if await find_barred(session, [hashed], topic_id=asked.topic_id):
        return None
    message = _write(sender, asked, contact.email, work)
    try:
        await send_mail(work.settings.smtp_url, message, sender=sender.from_address, recipient=contact.email)
    except MailRefused:
        return None
    except MailUnavailable:
        return SOON
    return None


def _write(sender: Sender, asked: AskedConsent, address: str, work: Work) -> EmailMessage:
    message = EmailMessage()
    message["From"] = formataddr((sender.from_name, sender.from_address))
    message["To"] = address
    message["Subject"] = " ".join(asked.purpose_name.split())
    if sender.reply_address is not None:
        message["Reply-To"] = sender.reply_address
    message["Date"] = format_datetime(work.clock())
    message["Message-ID"] = f"<{work.id}.{int(work.clock().timestamp())}@{sender.domain}>"
    message.set_content(f"{asked.wording}\n\n{work.settings.door}{asked.path}\n")
    return message


async def _find_sender(session: AsyncSession) -> Sender | None:
    """The tenant's first sender in whose name mail may go out."""
    usable = select(Sender).where(Sender.status.in_(USABLE), Sender.archived_at.is_(None))
    return (await session.scalars(usable.order_by(Sender.created_at, Sender.id).limit(1))).one_or_none()
