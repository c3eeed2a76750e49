"""The wire shapes of the pyramid."""

from analytics_svc.scores.tiers import Tier
from services.wire import Output


class Level(Output):
    """The customers of a tier: what they have brought, what they are worth, and what is at stake.

    `expected_leavers` is the sum of their probabilities to buy nothing in the next 180 days, `value_at_risk_minor` the sum of
    these times each one's value. Amounts are in minor units of the pyramid's currency.
    """

    tier: Tier
    customers: int
    revenue_to_date_minor: int
    lifetime_value_minor: int
    expected_leavers: float
    value_at_risk_minor: int


class Pyramid(Output):
    """All four tiers, the top first, as last scored; `without_tier` customers have no value yet."""

    currency: str
    levels: list[Level]
    without_tier: int
