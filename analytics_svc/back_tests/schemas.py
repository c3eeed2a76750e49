"""The wire shapes of back-tests."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.wire import Input, Output


class BackTestRequest(Input):
    """What to test: a churn model (default: the newest that waits for it, else the champion), on which days and how far ahead.

    Default days: up to three, `horizon_days` apart, the last of them that long before the last purchase. With `promote` a model that
    beats the champion takes its place.
    """

    model_id: UUID | None = None
    horizon_days: Annotated[int, Field(ge=7, le=730)] = 91
    origins: Annotated[list[date], Field(max_length=12)] = []
    promote: bool = False


class BinRead(Output):
    """A tenth of the customers by forecast."""

    forecast: float
    observed: float
    customers: int


class ContestantRead(Output):
    """How a contestant did, in the mean over the days; null where it makes no such forecast.

    `gini` says how well its order ranks the purchases; `total_error` is that of all purchases expected, `buyers_error` that of the
    number of customers who would buy at all, both as (forecast - actual) / actual.
    """

    contestant: Literal["model", "incumbent", "mbg_nbd", "bg_nbd", "heuristic", "carry_forward", "last_26_weeks"]
    auc: float | None
    auc_standard_error: float | None
    log_loss: float | None
    brier: float | None
    ece: float | None
    gini: float | None
    total_error: float | None
    buyers_error: float | None
    calibration: list[BinRead]


class OriginRead(Output):
    """A day in the past: how many customers there were, and how many of them then bought. `incumbent_in_sample`: the champion has
    learnt from days after it, and is flattered.
    """

    as_of: date
    customers: int
    buyers: int
    purchases: int
    incumbent_in_sample: bool | None


class Calibration(Output):
    """The report of a back-test. Without `behind` the model is valid: it beat the champion, and lost to nothing simpler."""

    model_id: UUID
    incumbent_id: UUID | None
    horizon_days: int
    origins: list[OriginRead]
    contestants: list[ContestantRead]
    verdict: Literal["validated", "rejected"]
    behind: list[str]
