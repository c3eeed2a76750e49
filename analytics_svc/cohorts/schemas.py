"""The wire shapes of cohorts and of the time between purchases."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field

from services.wire import Output


class HistoryQuery(BaseModel):
    """When to look at the history."""

    as_of: Annotated[date | None, Query(description="What had happened by the end of this day (default: today where the tenant is)")] = None
    known_at: Annotated[AwareDatetime | None, Query(description="What we had learnt by this instant (default: all we know)")] = None


class CohortQuery(HistoryQuery):
    """Which cohorts, and when to look at them."""

    from_: Annotated[date | None, Query(alias="from", description="Only customers who bought first on this day or later")] = None
    to: Annotated[date | None, Query(description="Only customers who bought first on this day or earlier")] = None


class HistoryPosition(Output):
    """How far the facts about orders reach that an answer rests on: how many of the tenant's there are, and when the last was recorded."""

    facts: int
    recorded_at: datetime | None


class CohortMonth(Output):
    """What a cohort bought in a month: how many of it bought, their orders, and the revenue of those in the tenant's currency.

    `months_since` counts from the cohort's own month, which is 0. `retention_bps` is the share of the cohort that bought in this month.
    """

    month: str = Field(examples=["2026-03"])
    months_since: int
    customers: int
    retention_bps: int
    orders: int
    orders_without_rate: int
    revenue_minor: int


class Cohort(Output):
    """The customers who bought for the first time in a month, and the months in which any of them bought."""

    cohort: str = Field(examples=["2026-01"])
    customers: int
    months: list[CohortMonth]


class Cohorts(Output):
    """Orders by month and cohort, the earliest first, from all facts of the tenant."""

    as_of: date
    known_at: datetime | None
    currency: str
    items: list[Cohort]
    position: HistoryPosition


class RepeatInterval(Output):
    """The days from one purchase day of a customer to the next: how many such steps there are, their mean and quantiles."""

    intervals: int
    mean_days: float
    p25_days: float
    median_days: float
    p75_days: float
    p90_days: float


class NthInterval(RepeatInterval):
    """The same from a customer's purchase day number `purchase` to the next."""

    purchase: int


class RepeatIntervals(Output):
    """How often customers come back, and after how long.

    `repeat_order_rate_bps` is the share of customers with two orders or more. `all` is over all steps, `items` by purchase number, the
    first twelve; null and empty where nobody bought on two days.
    """

    as_of: date
    known_at: datetime | None
    customers: int
    repeat_customers: int
    repeat_order_rate_bps: int
    all: RepeatInterval | None
    items: list[NthInterval]
    position: HistoryPosition
