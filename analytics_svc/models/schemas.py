"""The wire shapes of models and of what they forecast."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from analytics_svc.value.families import FamilyName
from services.events.analytics import ModelState
from services.wire import Input, Output

from .rules import ModelKind


class FitRequest(Input):
    """What to learn from: the purchases up to and including `as_of` (default: the last day on which anybody bought, at most today).

    A model of the kind `value` is fitted for each of the `families` (default: that of the champion, BG/NBD before there is one); a
    back-test says which of them serves best.
    """

    as_of: date | None = None
    kinds: Annotated[list[ModelKind], Field(min_length=1, max_length=3)] = ["value", "spend", "churn"]
    families: Annotated[list[FamilyName], Field(max_length=3)] = []


class ModelRead(ModelState):
    """A model as analytics shows it."""

    version: int
    updated_at: datetime


class ForecastGroup(Output):
    """Customers with the same number of repeat purchase days `x` at the end of the window (the last group: that many or more)."""

    x: int
    or_more: bool
    customers: int
    mean_expected_purchases: float


class Forecast(Output):
    """The purchases that the customers of a model's window are expected to make from one day to another, both included."""

    model_id: UUID
    window_to: date
    from_day: date
    to_day: date
    customers: int
    expected_purchases: float
    groups: list[ForecastGroup]
