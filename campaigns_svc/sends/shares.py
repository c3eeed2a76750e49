"""Which shares of the contacts a campaign leaves alone."""

from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.holdouts.queries import find_active
from campaigns_svc.holdouts.rules import Share
from services.database import now
from services.tenants import business_day, get_tenant


async def shares_of(session: AsyncSession, campaign: Campaign) -> tuple[list[Share], list[Share]]:
    """Who is held out of everything, and who of this campaign, as of its start (or of now, before it)."""
    day = business_day(await get_tenant(session), campaign.started_at or now(session))
    holdouts = await find_active(session, campaign.id, on=day)
    everywhere = [Share(each.salt, each.share_bps) for each in holdouts if each.scope == "global"]
    return everywhere, [
        Share(campaign.salt, campaign.holdout_bps),
        *(Share(h.salt, h.share_bps) for h in holdouts if h.scope == "campaign"),
    ]
