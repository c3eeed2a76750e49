"""The wire shapes of churn."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from analytics_svc.customers.schemas import FactsPosition, UsedModel
from services.wire import Output

from .scorer import HORIZON_DAYS


class ChurnQuery(BaseModel):
    """When, how far and with which model to look at a customer."""

    as_of: Annotated[date | None, Query(description="What had happened by the end of this day (default: today where the tenant is)")] = None
    known_at: Annotated[AwareDatetime | None, Query(description="What we had learnt by this instant (default: all we know)")] = None
    horizon: Annotated[int, Query(ge=1, le=3650, description="Days to look ahead")] = HORIZON_DAYS
    model_id: Annotated[UUID | None, Query(description="A churn model other than the champion")] = None


class ReasonRead(Output):
    """A part of the score: a code, its `number` beside what is `usual`, the log-odds that it adds, and all of it as a sentence."""

    code: str
    number: float
    usual: float | None
    contribution: float
    sentence: str


class CustomerChurn(Output):
    """How likely a customer is to buy nothing within the horizon after the end of `as_of`.

    `churn` = 1 / (1 + exp(-log_odds)), and `log_odds` = `average_log_odds` (of the average customer) + the contributions of all
    `reasons`, exactly. `basis` says what the answer rests on: `closed_form`, where a history is too short for more, or `combined`: the
    closed form and weights learnt from the company's own earlier customers. `churn_closed_form` is what the first alone would say.
    `in_sample` says that the model has seen days after `as_of`, so this is no forecast.
    """

    contact_id: UUID
    as_of: date
    known_at: datetime | None
    horizon_days: int
    churn: float
    churn_closed_form: float
    log_odds: float
    average_log_odds: float
    basis: Literal["closed_form", "combined"]
    reasons: list[ReasonRead]
    model: UsedModel
    in_sample: bool
    position: FactsPosition
