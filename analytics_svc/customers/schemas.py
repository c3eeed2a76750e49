"""The wire shapes of customers and of what they are worth."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from services.events.analytics import ScoreReason
from services.wire import Output

MarginSource = Literal["customer", "company", "none"]


class CustomerRead(Output):
    """A customer in lists: purchases so far and, once models are there, value over the next year, churn and tier as of a day.

    Amounts are in minor units of `currency`. `orders_without_rate` are orders in another currency: they make purchase days, and
    their amounts stand in no sum. `churn_bps` is the chance of no purchase in the next 180 days in hundredths of a percent,
    `value_at_risk_minor` that share of the value, `reasons` the largest parts of the churn.
    """

    contact_id: UUID
    currency: str
    first_on: date
    last_on: date
    purchase_days: int
    repeat_days: int
    orders: int
    orders_without_rate: int
    revenue_to_date_minor: int
    margin_to_date_minor: int
    lifetime_value_minor: int | None
    expected_spend_minor: int | None
    expected_purchases: float | None
    p_alive: float | None
    p_buys: float | None
    as_of: date
    scored_at: datetime
    value_model_id: UUID | None
    spend_model_id: UUID | None
    churn_model_id: UUID | None = None
    tier: Literal["top", "big", "medium", "small"] | None = None
    churn_bps: int | None = None
    value_at_risk_minor: int | None = None
    reasons: list[ScoreReason] = []


class ValueQuery(BaseModel):
    """When, how far and with which models to look at a customer."""

    as_of: Annotated[date | None, Query(description="What had happened by the end of this day (default: today where the tenant is)")] = None
    known_at: Annotated[AwareDatetime | None, Query(description="What we had learnt by this instant (default: all we know)")] = None
    horizon: Annotated[int, Query(ge=1, le=3650, description="Days to look ahead")] = 365
    discount_bps: Annotated[int, Query(ge=0, le=10_000, description="Discount a year, in hundredths of a percent")] = 1_000
    model_id: Annotated[list[UUID], Query(max_length=2, description="Models other than the champions, at most one of each kind")] = []


class PurchaseStatistics(Output):
    """What the models see of a customer; weeks are days / 7."""

    x: int
    t_x: float
    T: float


class UsedModel(Output):
    """A model that an answer rests on, and the days that it learnt from."""

    id: UUID
    kind: Literal["value", "spend", "churn"]
    family: str
    window_from: date
    window_to: date
    validated: bool


class FactsPosition(Output):
    """How far the facts reach that an answer rests on: how many there are of this customer, and when the last was recorded."""

    facts: int
    recorded_at: datetime


class CustomerValue(Output):
    """What a customer is worth from the end of `as_of` on, beside what the customer has brought.

    `expected_purchases` counts purchase days within the horizon. `lifetime_value_minor` is expected margin of the future only,
    discounted by week. `margin_rate` is the share of spend taken as margin: the customer's own where orders name their costs
    (`customer`), else that of all customers in the spend model's window (`company`), else 1 (`none`: revenue taken whole).
    `in_sample` says that a model has seen days after `as_of`, so this is no forecast.
    """

    contact_id: UUID
    as_of: date
    known_at: datetime | None
    horizon_days: int
    discount_bps: int
    currency: str
    expected_purchases: float
    p_buys_within_horizon: float
    p_alive: float
    expected_spend_minor: int
    lifetime_value_minor: int
    revenue_to_date_minor: int
    margin_to_date_minor: int
    margin_rate: float
    margin_source: MarginSource
    statistics: PurchaseStatistics
    first_on: date
    last_on: date
    orders: int
    orders_without_rate: int
    models: list[UsedModel]
    in_sample: bool
    position: FactsPosition
