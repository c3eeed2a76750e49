"""What customers are worth, worked out for all of them at once, and when a value has moved enough to be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from analytics_svc.value import families, gamma_gamma
from analytics_svc.value.families import PurchaseModel
from analytics_svc.value.gamma_gamma import GammaGammaParameters
from analytics_svc.value.statistics import DAYS_PER_WEEK, Histories, collapse
from services.money import MOST_MINOR

HORIZON_DAYS = 365
DISCOUNT_BPS = 1_000
MOVED = 0.05
MOVED_CHURN_BPS = 200

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cohort:
    """The statistics of customers, a whole number each: days on the day grid, money in minor units (see `customers.rules`).

    `recency_days` lie between the first and the last purchase (t_x), `age_days` between the first and the day asked for (T).
    """

    contact_ids: Sequence[UUID]
    repeat_days: Integers
    recency_days: Integers
    age_days: Integers
    spend_days: Integers
    spend_minor: Integers
    revenue_minor: Integers
    costed_revenue_minor: Integers
    costed_margin_minor: Integers
    last_spend_minor: Integers

    def __len__(self) -> int:
        return len(self.contact_ids)

    def histories(self) -> tuple[Histories, Integers]:
        """The distinct purchase histories, and for each customer the row of its own."""
        return collapse(self.repeat_days, self.recency_days, self.age_days)

    def mean_spend(self, minor_per_major: int) -> Floats:
        """The mean spend of the repeat days in major units of money; 0 where there is none."""
        spent = self.spend_minor / np.maximum(self.spend_days, 1)
        return np.where(self.spend_days > 0, spent / minor_per_major, 0.0)


@dataclass(frozen=True, slots=True)
class Valuer:
    """What a value is worked out with. `minor_per_major`: 100 for a currency with cents; `company_rate`: see `margin_of`."""

    value: PurchaseModel
    spend: GammaGammaParameters
    minor_per_major: int
    company_rate: float | None


@dataclass(frozen=True, slots=True)
class Values:
    """What customers are worth from a day on, an entry each. Money in minor units, not rounded."""

    expected_purchases: Floats
    p_buys: Floats
    p_alive: Floats
    expected_spend_minor: Floats
    margin_rate: Floats
    lifetime_value_minor: Floats


def value_customers(cohort: Cohort, valuer: Valuer, *, horizon_days: int = HORIZON_DAYS, discount_bps: int = DISCOUNT_BPS) -> Values:
    """The values of the customers of `cohort` over a horizon, discounted by `discount_bps` hundredths of a percent a year.

    Lifetime value is the future only: expected discounted purchases x expected spend x margin rate (a purchase model and Gamma-Gamma;
    see `analytics_svc.value`). Each distinct history is worked out once.
    """
    histories, row = cohort.histories()
    weeks = horizon_days / DAYS_PER_WEEK
    alive = families.p_alive(valuer.value, histories)
    rate_a_year = discount_bps / 10_000
    discounted = families.discounted_purchases(valuer.value, histories, weeks, annual_discount_rate=rate_a_year, alive=alive)
    mean = cohort.mean_spend(valuer.minor_per_major)
    spend = gamma_gamma.expected_spend(valuer.spend, cohort.spend_days, mean) * valuer.minor_per_major
    rate = margin_rates(cohort, valuer.company_rate)
    return Values(
        expected_purchases=families.expected_purchases(valuer.value, histories, weeks, alive=alive)[row],
        p_buys=families.p_buys_within(valuer.value, histories, weeks, alive=alive)[row],
        p_alive=alive[row],
        expected_spend_minor=spend,
        margin_rate=rate,
        lifetime_value_minor=discounted[row] * spend * rate,
    )


def margin_rates(cohort: Cohort, company_rate: float | None) -> Floats:
    """The share of revenue that is margin, per customer, between -1 and 1.

    The customer's own where orders name their costs, else `company_rate` (that of all customers in the window of the spend
    model), else 1: without recorded costs revenue is taken whole.
    """
    own = cohort.costed_margin_minor / np.maximum(cohort.costed_revenue_minor, 1)
    fallback = 1.0 if company_rate is None else company_rate
    return np.where(cohort.costed_revenue_minor > 0, np.clip(own, -1.0, 1.0), fallback)


def margins_to_date(cohort: Cohort, rates: Floats) -> Floats:
    """The margin that each customer has brought: recorded where costs are known, by its rate where they are not."""
    return cohort.costed_margin_minor + (cohort.revenue_minor - cohort.costed_revenue_minor) * rates


def company_rate(cohort: Cohort) -> float | None:
    """The share of revenue that is margin over all orders that name their costs, between -1 and 1; None where there is none."""
    revenue = float(cohort.costed_revenue_minor.sum(dtype=np.float64))
    if revenue <= 0:
        return None
    return max(-1.0, min(1.0, float(cohort.costed_margin_minor.sum(dtype=np.float64)) / revenue))


def rounded(amounts: Floats) -> Integers:
    """Whole minor units, half to even, within what an event can carry."""
    return np.rint(np.clip(amounts, -MOST_MINOR, MOST_MINOR)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of a customer that may be worth telling again."""

    lifetime_value_minor: int
    tier: str | None = None
    churn_bps: int | None = None


def has_moved(before: Telling | None, after: Telling) -> bool:
    """Whether a customer is worth telling of: for the first time, the value 5 % or more or the churn two points or more away from
    what was told last, or another tier.
    """
    if before is None or before.tier != after.tier or (before.churn_bps is None) != (after.churn_bps is None):
        return True
    if abs((after.churn_bps or 0) - (before.churn_bps or 0)) >= MOVED_CHURN_BPS:
        return True
    was, is_now = before.lifetime_value_minor, after.lifetime_value_minor
    return was != is_now and abs(is_now - was) >= MOVED * abs(was)
