"""Writing campaigns: their birth, their copies, changes of a draft, archive and restore."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome, refuse_upserts
from services.database import birth, now
from services.errors import Refusal
from services.events.campaigns_course import CampaignArchived, CampaignCreated, CampaignRestored, CampaignState, CampaignUpdated
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version

from . import rules
from .models import Campaign
from .queries import get_campaign
from .schemas import CampaignCreate, CampaignPatch

UNBORN: dict[str, Any] = {"status": "draft", "approved_by": None, "started_at": None, "ended_at": None}


def state_of(campaign: Campaign) -> CampaignState:
    """The public state of a campaign."""
    return CampaignState.model_validate(campaign)


async def create_campaigns(session: AsyncSession, campaigns: Sequence[CampaignCreate]) -> list[Campaign]:
    """Write new campaigns and their events: one multi-row INSERT each."""
    return await _write(session, [campaign.model_dump() for campaign in campaigns])


async def clone_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Write a draft of the same content; its salt is its own, so that it holds out others. Raises NotFound."""
    campaign = await get_campaign(session, campaign_id)
    content = {name: getattr(campaign, name) for name in CampaignCreate.model_fields}
    (draft,) = await _write(session, [content | {"send_at": None}])
    return draft


async def update_campaign(session: AsyncSession, campaign_id: UUID, patch: CampaignPatch, if_match: str | None) -> Campaign:
    """Change a draft. Raises NotFound, PreconditionMissing, Stale, WrongState."""
    campaign = await get_campaign(session, campaign_id, lock=True)
    check_version(campaign.version, if_match)
    if apply_patch(campaign, patch):
        rules.check_is_draft(campaign.status)
        await record(session, campaign, CampaignUpdated(state=state_of(campaign)))
    return campaign


async def _write(session: AsyncSession, contents: Sequence[dict[str, Any]]) -> list[Campaign]:
    if not contents:
        return []
    rows = [{**birth(session, new_id()), **content, **UNBORN, "salt": new_id().hex} for content in contents]
    await session.execute(insert(Campaign.__table__), rows)  # type: ignore[arg-type]
    made = [Campaign(**row) for row in rows]
    await record_many(session, [(campaign, CampaignCreated(state=state_of(campaign)), None) for campaign in made])
    return made


async def archive_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Hide from lists. Raises NotFound."""
    campaign = await get_campaign(session, campaign_id, lock=True)
    if campaign.archived_at is None:
        campaign.archived_at = now(session)
        await record(session, campaign, CampaignArchived(state=state_of(campaign)))
    return campaign


async def restore_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Bring back to lists. Raises NotFound."""
    campaign = await get_campaign(session, campaign_id, lock=True)
    if campaign.archived_at is not None:
        campaign.archived_at = None
        await record(session, campaign, CampaignRestored(state=state_of(campaign)))
    return campaign


async def create_each(session: AsyncSession, campaigns: Sequence[CampaignCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [Outcome(201, campaign.id, campaign.version) for campaign in await create_campaigns(session, campaigns)]


async def update_each(session: AsyncSession, campaign_id: UUID, patch: CampaignPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    campaign = await update_campaign(session, campaign_id, patch, if_match)
    return Outcome(200, campaign.id, campaign.version)


async def archive_each(session: AsyncSession, campaign_id: UUID) -> Outcome:
    """Archive for a batch."""
    campaign = await archive_campaign(session, campaign_id)
    return Outcome(200, campaign.id, campaign.version)


BATCH = BatchVerbs(CampaignCreate, CampaignPatch, create_each, refuse_upserts, update_each, archive_each)
