"""Who takes part in a back-test: the model, the champion, simpler models, and rules of thumb that need no model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analytics_svc.churn.features import Evidence
from analytics_svc.churn.learning import Origin, learn
from analytics_svc.churn.scorer import ChurnModel, explain
from analytics_svc.scores.rules import Floats
from analytics_svc.value import families
from analytics_svc.value.families import PurchaseModel
from analytics_svc.value.statistics import DAYS_PER_WEEK

MODEL, INCUMBENT = "model", "incumbent"
RULES_OF_THUMB = ("heuristic", "carry_forward", "last_26_weeks")
HALF_YEAR = 182
EASE_WEEKS = 4.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A day in the past: what was known of the customers, the origins before it, and the purchase days that came within the horizon.

    `last_half_year` are the purchase days of the 26 weeks before it.
    """

    day: int
    seen: Evidence
    origins: Sequence[Origin]
    purchases: Floats
    last_half_year: Floats


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a contestant said of each customer: a number to rank by and, if it gives them, P(buys) and expected purchase days."""

    contestant: str
    score: Floats
    p: Floats | None = None
    purchases: Floats | None = None


def churn_forecasts(trial: Trial, horizon_days: int, *, combined: bool, incumbent: ChurnModel | None) -> Iterator[Forecast]:
    """The forecasts of all contestants, each fitted to what was known on that day alone, but for the incumbent, which is as it is.

    `combined` says that the model is the closed form with weights; without them it is MBG/NBD. Raises NotEnoughHistory.
    """
    seen = trial.seen
    learnt = learn(seen, trial.origins if combined else [])
    yield _of_probability(MODEL, 1 - explain(learnt.model, seen, horizon_days).probability)
    if incumbent is not None:
        yield _of_probability(INCUMBENT, 1 - explain(incumbent, seen, horizon_days).probability)
    yield from _simple_forecasts(trial, horizon_days)


def value_forecasts(trial: Trial, horizon_days: int, *, incumbent: PurchaseModel | None) -> Iterator[Forecast]:
    """The same for value models: every family is a contestant under its own name. Raises NotEnoughHistory."""
    if incumbent is not None:
        yield _of_purchases(INCUMBENT, incumbent, trial, horizon_days)
    yield from _simple_forecasts(trial, horizon_days)


def _simple_forecasts(trial: Trial, horizon_days: int) -> Iterator[Forecast]:
    """Those of the families and of the rules of thumb."""
    seen, weeks = trial.seen, horizon_days / DAYS_PER_WEEK
    histories = seen.cohort.histories()[0]
    for name in families.NAMES:
        fitted = PurchaseModel(name, families.fit(name, histories).parameters)
        yield _of_purchases(name, fitted, trial, horizon_days)
    yield Forecast("heuristic", (seen.x + 1) / (seen.gap + EASE_WEEKS))
    so_far = seen.x / np.maximum(seen.age, 1.0)
    yield Forecast("carry_forward", so_far, purchases=so_far * weeks)
    lately = trial.last_half_year / HALF_YEAR
    yield Forecast("last_26_weeks", lately, purchases=lately * horizon_days)


def _of_purchases(contestant: str, model: PurchaseModel, trial: Trial, horizon_days: int) -> Forecast:
    histories, row = trial.seen.cohort.histories()
    weeks, alive = horizon_days / DAYS_PER_WEEK, families.p_alive(model, histories)
    p = families.p_buys_within(model, histories, weeks, alive=alive)[row]
    return Forecast(contestant, p, p, families.expected_purchases(model, histories, weeks, alive=alive)[row])


def _of_probability(contestant: str, p: Floats) -> Forecast:
    return Forecast(contestant, p, np.clip(p, 0.0, 1.0))
