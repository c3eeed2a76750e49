"""What a campaign's manager asks: who is written to, how many stand where, and why somebody is not."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.audiences.models import Audience
from campaigns_svc.audiences.queries import matching_filters
from campaigns_svc.campaigns.queries import get_campaign
from campaigns_svc.holdouts.rules import decide_arm
from services.events.campaigns_course import Counts
from services.paging import Found, ListQuery
from services.references import find_consents, find_references

from . import queries
from .rules import find_consent
from .schemas import Explanation, RecipientRead
from .shares import shares_of


async def list_recipients(session: AsyncSession, campaign_id: UUID, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the recipients of a campaign. Raises NotFound."""
    campaign = await get_campaign(session, campaign_id)
    return await queries.list_recipients(session, campaign.id, query, me=me)


async def count_recipients(session: AsyncSession, campaign_id: UUID) -> Counts:
    """How many recipients of a campaign stand where. Raises NotFound."""
    campaign = await get_campaign(session, campaign_id)
    return await queries.count_recipients(session, campaign.id)


async def explain(session: AsyncSession, campaign_id: UUID, contact_id: UUID) -> Explanation:
    """How a contact stands to a campaign now, and where they stand in it. Raises NotFound."""
    campaign = await get_campaign(session, campaign_id)
    audience = await session.get(Audience, campaign.audience_id) if campaign.audience_id else None
    included, excluded = await matching_filters(session, audience, contact_id) if audience else ([], [])
    everywhere, here = await shares_of(session, campaign)
    consents = (await find_consents(session, [contact_id])).get(contact_id, ())
    consent_id = find_consent(consents, purpose=campaign.purpose, channel=campaign.channel, topic_id=campaign.topic_id)
    sent = await queries.count_sent(session, [contact_id], days=campaign.cap_days) if campaign.cap_days else {}
    recipient = await queries.find_recipient(session, campaign.id, contact_id)
    return Explanation(
        contact_id=contact_id,
        is_known=contact_id in await find_references(session, [contact_id]),
        included_by=included,
        excluded_by=excluded,
        arm=decide_arm(contact_id, everywhere=everywhere, here=here),
        consent_id=consent_id,
        sends_within_cap=sent.get(contact_id, 0),
        recipient=RecipientRead.model_validate(recipient) if recipient is not None else None,
    )
