"""Who takes part in a back-test: the model, the champion, simpler models, and rules of thumb that need no model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analytics_svc.churn.features import Evidence
from analytics_svc.churn.learning import Origin, learn
from analytics_svc.churn.scorer import ChurnModel, explain
from analytics_svc.scores.rules import Floats
from analytics_svc.value import bg_nbd, mbg_nbd
from analytics_svc.value.statistics import DAYS_PER_WEEK

MODEL, INCUMBENT, CLOSED_FORM, BG_NBD = "model", "incumbent", "mbg_nbd", "bg_nbd"
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


def forecasts(trial: Trial, horizon_days: int, *, combined: bool, incumbent: ChurnModel | None) -> Iterator[Forecast]:
    """The forecasts of all contestants, each fitted to what was known on that day alone, but for the incumbent, which is as it is.

    `combined` says that the model is the closed form with weights; without them it is the closed form, and takes part once.
    Raises NotEnoughHistory.
    """
    seen, weeks = trial.seen, horizon_days / DAYS_PER_WEEK
    histories, row = seen.cohort.histories()
    learnt = learn(seen, trial.origins if combined else [])
    yield _of_probability(MODEL, 1 - explain(learnt.model, seen, horizon_days).probability)
    if incumbent is not None:
        yield _of_probability(INCUMBENT, 1 - explain(incumbent, seen, horizon_days).probability)
    for name, module, parameters in (
        (CLOSED_FORM, mbg_nbd, learnt.closed_form.parameters),
        (BG_NBD, bg_nbd, bg_nbd.fit(histories).parameters),
    ):
        p, expected = module.p_buys_within(parameters, histories, weeks), module.expected_purchases(parameters, histories, weeks)
        yield Forecast(name, p[row], p[row], expected[row])
    yield Forecast("heuristic", (seen.x + 1) / (seen.gap + EASE_WEEKS))
    so_far = seen.x / np.maximum(seen.age, 1.0)
    yield Forecast("carry_forward", so_far, purchases=so_far * weeks)
    lately = trial.last_half_year / HALF_YEAR
    yield Forecast("last_26_weeks", lately, purchases=lately * horizon_days)


def _of_probability(contestant: str, p: Floats) -> Forecast:
    return Forecast(contestant, p, np.clip(p, 0.0, 1.0))
