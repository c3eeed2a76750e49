"""A churn model at work: one logit from the closed form and linear terms, so that every part of it is exact."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from analytics_svc.scores.rules import Floats
from analytics_svc.value import mbg_nbd
from analytics_svc.value.bg_nbd import BgNbdParameters
from analytics_svc.value.statistics import DAYS_PER_WEEK

from .features import FEATURES, Evidence, read_features

CLOSED_FORM = "last_order"
MIDDLE_WEEKS = 8.0
HORIZON_DAYS = 180


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """What was learnt. The log-odds of *buying* within h weeks are

        intercept + closed_form_weight ln(P / (1 - P)) + horizon_weight ln(h / 8) + sum of weight x feature,

    P of MBG/NBD with `closed_form`. The closed form alone has the weight 1 and nothing else. `means` are those of the average
    customer at the end of the window: the features by name, and x, t_x and age.
    """

    closed_form: BgNbdParameters
    intercept: float
    closed_form_weight: float
    horizon_weight: float
    weights: Mapping[str, float]
    means: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Leaving:
    """The log-odds of leaving: of the average customer, and what each reason adds to them, an entry per customer."""

    average: float
    parts: Mapping[str, Floats]

    @property
    def log_odds(self) -> Floats:
        """The log-odds of each customer: the average and all parts."""
        total: Floats = self.average + np.sum(list(self.parts.values()), axis=0)
        return total

    @property
    def probability(self) -> Floats:
        """The probability that each customer buys nothing within the horizon."""
        churn: Floats = expit(self.log_odds)
        return churn


def explain(model: ChurnModel, seen: Evidence, horizon_days: int = HORIZON_DAYS) -> Leaving:
    """How likely customers are to buy nothing within the horizon, as parts that add up exactly to the log-odds."""
    weeks = horizon_days / DAYS_PER_WEEK
    at_average = closed_form_of_average(model, weeks)
    closed = log_odds_of_distinct(model.closed_form, seen, weeks)
    average = model.intercept + model.closed_form_weight * at_average + model.horizon_weight * float(np.log(weeks / MIDDLE_WEEKS))
    average += sum(weight * model.means[name] for name, weight in model.weights.items())
    parts = {CLOSED_FORM: -model.closed_form_weight * (closed - at_average)}
    for name, values in zip(model.weights, read_features(seen, list(model.weights)).T, strict=True):
        part = -model.weights[name] * (values - model.means[name])
        reason = FEATURES[name].reason
        parts[reason] = parts[reason] + part if reason in parts else part
    return Leaving(-average, parts)


def closed_form_of_average(model: ChurnModel, weeks: float) -> float:
    """The closed form's log-odds of buying for a customer with the mean statistics."""
    x, t_x, age = (np.array([model.means[name]]) for name in ("x", "t_x", "age"))
    return float(mbg_nbd.log_odds_at(model.closed_form, x, t_x, age, weeks=weeks)[0])


def log_odds_of_distinct(parameters: BgNbdParameters, seen: Evidence, weeks: float) -> Floats:
    """The closed form's log-odds of buying per customer; each distinct history is worked out once."""
    histories, row = seen.cohort.histories()
    return mbg_nbd.log_odds_of_buying(parameters, histories, weeks)[row]


def means_of(seen: Evidence, names: list[str]) -> dict[str, float]:
    """The average customer: the means of x, t_x and age, and of the named features."""
    found = {"x": float(seen.x.mean()), "t_x": float(seen.t_x.mean()), "age": float(seen.age.mean())}
    return found | dict(zip(names, read_features(seen, names).mean(axis=0).tolist(), strict=True))
