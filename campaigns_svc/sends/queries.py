"""Reading the ledger and the queue: sends, recipients, counts, and why a contact is written to or not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import Base, now
from services.events.campaigns_course import Counts
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered

from .models import QueuedSend, Send

FIELDS: FilterFields = {
    "id": Field("id", Send.id),
    "campaign_id": Field("id", Send.campaign_id),
    "contact_id": Field("id", Send.contact_id),
    "status": Field("choice", Send.status),
    "skip_reason": Field("choice", Send.skip_reason),
    "arm": Field("choice", Send.arm),
    "opens": Field("number", Send.opens),
    "clicks": Field("number", Send.clicks),
    "sent_at": Field("instant", Send.sent_at),
    "created_at": Field("instant", Send.created_at),
}
ORDERS = {"created_at": Order(Send.created_at, datetime)}


class Recipient:
    """Whoever stands in the queue or in the ledger of a campaign."""

    id: Any
    campaign_id: Any
    contact_id: Any
    state: Any
    arm: Any
    skip_reason: Any
    consent_id: Any
    sent_at: Any


_queued = select(
    *(QueuedSend.id, QueuedSend.campaign_id, QueuedSend.contact_id, QueuedSend.state, literal("treatment").label("arm")),
    *(null().label("skip_reason"), QueuedSend.consent_id, null().label("sent_at")),
)
_ended = select(
    *(Send.id, Send.campaign_id, Send.contact_id, Send.status.label("state"), Send.arm),
    *(Send.skip_reason, Send.consent_id, Send.sent_at),
)
_recipients = union_all(_queued, _ended).subquery("recipient")
Base.registry.map_imperatively(Recipient, _recipients, primary_key=[_recipients.c.id])
RECIPIENT_FIELDS: FilterFields = {
    "contact_id": Field("id", Recipient.contact_id),
    "state": Field("choice", Recipient.state),
    "skip_reason": Field("choice", Recipient.skip_reason),
    "arm": Field("choice", Recipient.arm),
}
RECIPIENT_ORDERS = {"contact_id": Order(Recipient.contact_id, UUID)}
RECIPIENTS = select(_recipients).where(_recipients.c.campaign_id == bindparam("campaign_id"))


async def list_sends(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the ledger."""
    statement = filtered(all_of(Send), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Send.id, orders=ORDERS, default="-created_at")


async def list_recipients(session: AsyncSession, campaign_id: UUID, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the recipients of a campaign, those who are still to be written to among them."""
    of_it = {"campaign_id": campaign_id}
    statement = filtered(RECIPIENTS, query, RECIPIENT_FIELDS, bindings=Bindings(me, now(session)), values=of_it)
    return await fetch_page(session, statement, query, id_column=Recipient.id, orders=RECIPIENT_ORDERS, default="contact_id")


async def find_recipient(session: AsyncSession, campaign_id: UUID, contact_id: UUID) -> Recipient | None:
    """Where a contact stands in a campaign."""
    found = await session.scalars(select(Recipient).where(Recipient.campaign_id == campaign_id, Recipient.contact_id == contact_id))
    return found.one_or_none()


async def count_recipients(session: AsyncSession, campaign_id: UUID) -> Counts:
    """How many recipients of a campaign stand where."""
    queued = select(QueuedSend.state, func.count()).where(QueuedSend.campaign_id == campaign_id).group_by(QueuedSend.state)
    ended = select(Send.status, func.count()).where(Send.campaign_id == campaign_id).group_by(Send.status)
    return Counts(**{state: number for statement in (queued, ended) for state, number in (await session.execute(statement)).all()})


async def count_sent(session: AsyncSession, contact_ids: Sequence[UUID], *, days: int) -> dict[UUID, int]:
    """How many messages each contact was sent within the last `days`, by all campaigns together."""
    recent = Send.contact_id.in_(contact_ids), Send.sent_at > now(session) - timedelta(days=days)
    found = await session.execute(select(Send.contact_id, func.count()).where(*recent).group_by(Send.contact_id))
    return dict(found.all())


async def count_of_sender(session: AsyncSession, sender_id: UUID, *, within: timedelta) -> int:
    """How many messages went out lately in the name of a sender."""
    statement = select(func.count()).where(Send.sender_id == sender_id, Send.sent_at > now(session) - within)
    return await session.scalar(statement) or 0


async def count_of_campaign(session: AsyncSession, campaign_id: UUID, *, sender_id: UUID, within: timedelta) -> int:
    """How many messages of a campaign, in the name of its sender, went out lately."""
    recent = Send.sender_id == sender_id, Send.sent_at > now(session) - within
    return await session.scalar(select(func.count()).where(*recent, Send.campaign_id == campaign_id)) or 0


async def find_used_addresses(session: AsyncSession, campaign_id: UUID, hashes: Sequence[str]) -> set[str]:
    """Those of the addresses that a campaign has written to already, or may have."""
    of_campaign = Send.campaign_id == campaign_id, Send.address_hash.in_(hashes), Send.status != "skipped"
    queued = select(QueuedSend.address_hash).where(
        QueuedSend.campaign_id == campaign_id, QueuedSend.state.in_(("claimed", "unknown")), QueuedSend.address_hash.in_(hashes)
    )
    found = await session.scalars(select(Send.address_hash).where(*of_campaign).union_all(queued))
    return {each for each in found if each is not None}
