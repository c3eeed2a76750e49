"""The verbs that move a campaign: each locks it, asks the rules, changes it and tells of it once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.audiences.models import Audience
from campaigns_svc.senders.models import Sender
from campaigns_svc.templates.models import Template
from services.database import now
from services.events.campaigns_course import (
    CampaignApproved,
    CampaignCompleted,
    CampaignPaused,
    CampaignRejected,
    CampaignResumed,
    CampaignScheduled,
    CampaignStarted,
    CampaignStopped,
    CampaignSubmitted,
    Counts,
)
from services.outbox import record
from services.timers import arm

from . import rules
from .models import Campaign
from .operations import state_of
from .queries import get_campaign
from .schemas import Reason, Schedule

START, SEND = "start_campaign", "send_campaign"


async def submit_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Ask for approval. Raises NotFound, WrongState, Invalid."""
    campaign = await _move(session, campaign_id, "submit")
    rules.check_is_complete(campaign, **await find_parts(session, campaign))
    await record(session, campaign, CampaignSubmitted(state=state_of(campaign)))
    return campaign


async def approve_campaign(session: AsyncSession, campaign_id: UUID, *, approved_by: UUID | None) -> Campaign:
    """Allow it. Raises NotFound, WrongState."""
    campaign = await _move(session, campaign_id, "approve")
    campaign.approved_by = approved_by
    await record(session, campaign, CampaignApproved(state=state_of(campaign)))
    return campaign


async def reject_campaign(session: AsyncSession, campaign_id: UUID, reason: Reason) -> Campaign:
    """Make it a draft again. Raises NotFound, WrongState."""
    campaign = await _move(session, campaign_id, "reject")
    await record(session, campaign, CampaignRejected(state=state_of(campaign), reason_code=reason.reason_code))
    return campaign


async def schedule_campaign(session: AsyncSession, campaign_id: UUID, schedule: Schedule) -> Campaign:
    """Have it begin at its time. Raises NotFound, WrongState."""
    campaign = await _move(session, campaign_id, "schedule")
    campaign.send_at = schedule.send_at or campaign.send_at or now(session)
    await record(session, campaign, CampaignScheduled(state=state_of(campaign)))
    await arm(session, START, str(campaign.id), run_at=campaign.send_at)
    return campaign


async def start_campaign(session: AsyncSession, campaign: Campaign, *, at: datetime, counts: Counts) -> None:
    """Note that its recipients are fixed, and have them written to. Raises WrongState."""
    campaign.status, campaign.started_at = rules.decide_status("start", campaign.status), at
    await record(session, campaign, CampaignStarted(state=state_of(campaign), counts=counts))
    await arm(session, SEND, str(campaign.id))


async def pause_campaign(session: AsyncSession, campaign_id: UUID, reason: Reason) -> Campaign:
    """Send nothing until it is resumed. Raises NotFound, WrongState."""
    campaign = await _move(session, campaign_id, "pause")
    await record(session, campaign, CampaignPaused(state=state_of(campaign), reason_code=reason.reason_code))
    return campaign


async def resume_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Go on sending. Raises NotFound, WrongState."""
    campaign = await _move(session, campaign_id, "resume")
    await record(session, campaign, CampaignResumed(state=state_of(campaign)))
    await arm(session, SEND, str(campaign.id))
    return campaign


async def stop_campaign(session: AsyncSession, campaign_id: UUID, reason: Reason) -> Campaign:
    """Call it off; who was not written to yet is skipped by the worker. Raises NotFound, WrongState."""
    campaign = await _move(session, campaign_id, "stop")
    campaign.ended_at = now(session)
    await record(session, campaign, CampaignStopped(state=state_of(campaign), reason_code=reason.reason_code))
    await arm(session, SEND, str(campaign.id))
    return campaign


async def complete_campaign(session: AsyncSession, campaign_id: UUID, *, counts: Counts) -> Campaign:
    """Note that nobody is left to be written to. Raises NotFound, WrongState."""
    campaign = await _move(session, campaign_id, "complete")
    campaign.ended_at = now(session)
    await record(session, campaign, CampaignCompleted(state=state_of(campaign), counts=counts))
    return campaign


async def find_parts(session: AsyncSession, campaign: Campaign) -> dict[str, Any]:
    """The audience, the template and the sender of a campaign, as far as they exist."""
    kinds: dict[str, Any] = {"audience": Audience, "template": Template, "sender": Sender}
    ids = {name: getattr(campaign, f"{name}_id") for name in kinds}
    return {name: await session.get(kind, ids[name]) if ids[name] else None for name, kind in kinds.items()}


async def _move(session: AsyncSession, campaign_id: UUID, verb: str) -> Campaign:
    campaign = await get_campaign(session, campaign_id, lock=True)
    campaign.status = rules.decide_status(verb, campaign.status)
    return campaign
