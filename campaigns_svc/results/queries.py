"""Measuring what a campaign did."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.campaigns.queries import get_campaign
from services.database import now
from services.errors import Conflict
from services.tenants import get_tenant

from .lift import Sample, lift
from .schemas import LiftRead, MetricRead

SUMS = text("""
WITH recipient AS (
  SELECT contact_id, 'treatment' AS arm FROM send_queue WHERE campaign_id = :campaign_id
  UNION ALL
  SELECT contact_id, arm FROM send WHERE campaign_id = :campaign_id AND arm IN ('treatment', 'holdout')
), bought AS (
  SELECT arm, recipient.contact_id, count(order_id) > 0 AS ordered,
         coalesce(sum(amount_minor) FILTER (WHERE currency = :currency), 0)::double precision AS spent
  FROM recipient LEFT JOIN goal_order
    ON goal_order.contact_id = recipient.contact_id AND placed_at >= :window_from AND placed_at < :window_to
  GROUP BY arm, recipient.contact_id
)
SELECT arm, count(*) AS size, count(*) FILTER (WHERE ordered) AS orders, sum(spent) AS spent, sum(spent * spent) AS squares
FROM bought GROUP BY arm
""")


class NotStarted(Conflict):
    """The campaign has not begun, so there is nothing to measure."""

    code = "not_started"


async def measure_lift(session: AsyncSession, campaign_id: UUID) -> LiftRead:
    """The lift of a campaign in its goal window, from the orders known here. Raises NotFound, NotStarted."""
    campaign: Campaign = await get_campaign(session, campaign_id)
    if campaign.started_at is None:
        raise NotStarted("The campaign has not begun")
    currency = (await get_tenant(session)).currency
    ends = campaign.started_at + timedelta(days=campaign.goal["window_days"])
    window = {"window_from": campaign.started_at, "window_to": ends}
    arms = {row.arm: row for row in await session.execute(SUMS, {"campaign_id": campaign.id, "currency": currency, **window})}
    orders = {arm: Sample(row.size, row.orders, row.orders) for arm, row in arms.items()}
    spend = {arm: Sample(row.size, row.spent, row.squares) for arm, row in arms.items()}
    none = Sample(0, 0, 0)
    metrics = [
        _metric("conversion", orders.get("treatment", none), orders.get("holdout", none)),
        _metric("spend_minor", spend.get("treatment", none), spend.get("holdout", none)),
    ]
    return LiftRead(
        campaign_id=campaign.id,
        **window,
        is_over=now(session) >= ends,
        currency=currency,
        treatment_size=orders.get("treatment", none).size,
        holdout_size=orders.get("holdout", none).size,
        metrics=metrics,
    )


def _metric(name: str, treated: Sample, control: Sample) -> MetricRead:
    found = lift(treated, control)
    bounds = {"low": _number(found.low), "high": _number(found.high)}
    means = {"treatment_mean": _number(found.treated), "holdout_mean": _number(found.control), "lift": _number(found.difference)}
    return MetricRead.model_validate({"metric": name, **means, **bounds})


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6f}"
