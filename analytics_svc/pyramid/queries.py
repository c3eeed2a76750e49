"""Reading the pyramid from the scores."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.scores.models import Score
from analytics_svc.scores.tiers import TIERS
from services.tenants import get_tenant

from .schemas import Level, Pyramid

SUMMED = (Score.revenue_to_date_minor, Score.lifetime_value_minor, Score.churn_bps, Score.value_at_risk_minor)


async def get_pyramid(session: AsyncSession) -> Pyramid:
    """Count, revenue, value and what is at stake for each tier. Raises Unavailable while the tenant is not known here."""
    sums = (func.coalesce(func.sum(column), 0) for column in SUMMED)
    rows = await session.execute(select(Score.tier, func.count(), *sums).group_by(Score.tier))
    found = {tier: numbers for tier, *numbers in rows}
    nothing = [0] * (1 + len(SUMMED))
    levels = []
    for tier in TIERS:
        customers, revenue, value, churn_bps, at_risk = map(int, found.get(tier, nothing))
        levels.append(
            Level(
                tier=tier,
                customers=customers,
                revenue_to_date_minor=revenue,
                lifetime_value_minor=value,
                expected_leavers=churn_bps / 10_000,
                value_at_risk_minor=at_risk,
            )
        )
    return Pyramid(currency=(await get_tenant(session)).currency, levels=levels, without_tier=int(found.get(None, nothing)[0]))
