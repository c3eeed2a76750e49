"""The wire shapes of back-tests."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from analytics_svc.value.families import FamilyName
from services.wire import Input, Output


class BackTestRequest(Input):
    """What to test: one model, or those of a `kind` that wait for it (else the champion), on which days and how far ahead.

    Of the kind `churn` the newest is tested; of the kind `value` the newest of each family, and at most one of them is found valid: the
    best. Default days: up to three, `horizon_days` apart, the last of them that long before the last purchase. With `promote` the model
    that is found valid takes the champion's place.
    """

    kind: Literal["churn", "value"] = "churn"
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

    `gini` says how well its order ranks the purchases, `deviance` (Poisson's) how far the purchases expected of each customer are from
    those that came: less is better; `total_error` is that of all purchases expected, `buyers_error` that of the
    number of customers who would buy at all, both as (forecast - actual) / actual.
    """

    contestant: Literal["model", "incumbent", "bg_nbd", "mbg_nbd", "pareto_nbd", "heuristic", "carry_forward", "last_26_weeks"]
    auc: float | None
    auc_standard_error: float | None
    log_loss: float | None
    brier: float | None
    ece: float | None
    gini: float | None
    deviance: float | None = None
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
    """The report of a back-test. Without `behind` the model is valid: it beat the champion, and lost to nothing simpler.

    A churn model takes part as `model`; a value model as its family. `best_family` has the least deviance: it serves this company best.
    """

    kind: Literal["churn", "value"] = "churn"
    model_id: UUID
    incumbent_id: UUID | None
    horizon_days: int
    origins: list[OriginRead]
    contestants: list[ContestantRead]
    best_family: FamilyName | None = None
    verdict: Literal["validated", "rejected"]
    behind: list[str]
