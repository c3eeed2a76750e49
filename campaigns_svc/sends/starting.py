"""The start of a campaign: who is held out, and who is to be written to, set-based and in one transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.audiences.models import Audience
from campaigns_svc.audiences.queries import condition_of
from campaigns_svc.campaigns import course, rules
from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.campaigns.queries import get_campaign
from campaigns_svc.campaigns.schemas import Reason
from campaigns_svc.holdouts.rules import Share, decide_arm
from campaigns_svc.senders.operations import activate_sender
from services.database import now
from services.errors import Invalid
from services.events.campaigns_course import Counts
from services.identifiers import new_id
from services.jobs import Work
from services.references import ContactReference

from .ledger import Values, ledger_row, plan_recipients, write_sends
from .queries import count_recipients
from .shares import shares_of

PAGE = 20_000


async def start(session: AsyncSession, work: Work) -> dict[str, Any] | None:
    """The job that begins a scheduled campaign at its time. One that lacks something by then is stopped, and says so."""
    campaign = await get_campaign(session, UUID(work.key), lock=True)
    if campaign.status != "scheduled":
        return None
    parts = await course.find_parts(session, campaign)
    try:
        rules.check_is_complete(campaign, **parts)
    except Invalid:
        await course.stop_campaign(session, campaign.id, Reason(reason_code="incomplete"))
        return {"started": False}
    await activate_sender(session, parts["sender"].id)
    await enqueue_audience(session, campaign, parts["audience"])
    counts: Counts = await count_recipients(session, campaign.id)
    await course.start_campaign(session, campaign, at=now(session), counts=counts)
    return {"started": True, **counts.model_dump()}


async def enqueue_audience(session: AsyncSession, campaign: Campaign, audience: Audience) -> None:
    """Plan a send to everybody in the audience who is not held out; the others are skipped at once."""
    at = now(session)
    members = condition_of(audience.include, audience.exclude, at=at)
    everywhere, here = await shares_of(session, campaign)
    last = UUID(int=0)
    while True:
        page = select(ContactReference.contact_id).where(members, ContactReference.contact_id > last)
        contact_ids = (await session.scalars(page.order_by(ContactReference.contact_id).limit(PAGE))).all()
        if not contact_ids:
            return
        await _enqueue(session, campaign, contact_ids, everywhere=everywhere, here=here)
        last = contact_ids[-1]


async def _enqueue(
    session: AsyncSession, campaign: Campaign, contact_ids: Sequence[UUID], *, everywhere: Sequence[Share], here: Sequence[Share]
) -> None:
    treated: list[UUID] = []
    held: list[Values] = []
    for contact_id in contact_ids:
        arm = decide_arm(contact_id, everywhere=everywhere, here=here)
        if arm == "treatment":
            treated.append(contact_id)
        else:
            held.append(ledger_row(session, campaign, new_id(), contact_id, status="skipped", arm=arm, skip_reason="holdout"))
    await plan_recipients(session, campaign.id, treated)
    await write_sends(session, held)
