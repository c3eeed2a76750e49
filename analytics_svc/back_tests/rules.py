"""Judging a back-test: the measures of each contestant over all days, and whether the model may take the champion's place."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from analytics_svc.scores.rules import Floats
from analytics_svc.value.families import NAMES, FamilyName
from services.errors import Conflict, WrongState

from .contestants import INCUMBENT, MODEL, RULES_OF_THUMB, Forecast
from .measures import (
    Bin,
    auc,
    auc_standard_error,
    brier,
    calibration,
    expected_calibration_error,
    gini,
    log_loss,
    poisson_deviance,
)


class LeakingFeature(Conflict):
    """A feature changes when the future is hidden, so it knows what it must not: nothing that it says of the past can be believed."""

    code = "leaking_feature"


@dataclass(frozen=True, slots=True)
class Measured:
    """How a contestant did: means over the days, None where it makes no such forecast. Errors are (forecast - actual) / actual."""

    contestant: str
    auc: float | None
    auc_standard_error: float | None
    log_loss: float | None
    brier: float | None
    ece: float | None
    gini: float | None
    deviance: float | None
    total_error: float | None
    buyers_error: float | None
    calibration: list[Bin]


def check_can_test(status: str) -> None:
    """Raises WrongState for a model that is out of the running."""
    if status not in ("trained", "champion"):
        raise WrongState("back-test", state=status, verbs_that_fit=["promote"] if status == "validated" else [])


def leaking_features(before: Floats, hidden: Floats, names: Sequence[str]) -> list[str]:
    """The features (columns) that are not the same once the future is hidden."""
    same = np.isclose(before, hidden, rtol=1e-9, atol=1e-9).all(axis=0)
    return [name for name, holds in zip(names, np.atleast_1d(same), strict=True) if not holds]


def measure(contestant: str, days: Sequence[tuple[Forecast, Floats]]) -> Measured:
    """The measures of one contestant over all days: its forecasts, and how many purchase days each customer then had."""
    ps = [(forecast.p, _bought(purchases)) for forecast, purchases in days if forecast.p is not None]
    totals = [(forecast.purchases, purchases) for forecast, purchases in days if forecast.purchases is not None]
    areas = [(auc(forecast.score, _bought(purchases)), _bought(purchases)) for forecast, purchases in days]
    errors = [auc_standard_error(area, float(b.sum()), float(len(b) - b.sum())) for area, b in areas if area is not None]
    bins = calibration(np.concatenate([p for p, _ in ps]), np.concatenate([b for _, b in ps])) if ps else []
    return Measured(
        contestant=contestant,
        auc=_mean(area for area, _ in areas),
        auc_standard_error=_mean(errors),
        log_loss=_mean(log_loss(p, b) for p, b in ps),
        brier=_mean(brier(p, b) for p, b in ps),
        ece=expected_calibration_error(bins) if bins else None,
        gini=_mean(gini(_order(forecast), purchases) for forecast, purchases in days),
        deviance=_mean(poisson_deviance(expected, happened) for expected, happened in totals),
        total_error=_mean(_error(expected, happened) for expected, happened in totals),
        buyers_error=_mean(_error(p, b) for p, b in ps),
        calibration=bins,
    )


def decide_churn_verdict(measured: Sequence[Measured], *, combined: bool) -> list[str]:
    """Why a churn model may not answer (no reason: it is valid).

    It must beat the champion in log loss, and may not lose in it to the simpler models, nor in AUC to a rule of thumb by more than one
    standard error. The closed form alone (not `combined`) is held against BG/NBD, not against the family that it belongs to or could
    not answer with.
    """
    by_name = {each.contestant: each for each in measured}
    model = by_name[MODEL]
    simpler = NAMES if combined else ("bg_nbd",)
    return _behind(by_name, {
        INCUMBENT: lambda other: not _below(model.log_loss, other.log_loss),
        **dict.fromkeys(simpler, lambda other: _below(other.log_loss, model.log_loss)),
        **dict.fromkeys(RULES_OF_THUMB, lambda other: _ranks_better(other, model)),
    })  # fmt: skip


def decide_value_verdict(measured: Sequence[Measured], family: FamilyName, *, incumbent_in_sample: bool) -> list[str]:
    """Why a value model of a family may not answer (no reason: it is valid).

    No other family may have less deviance of the purchases expected, nor may a rule of thumb, nor rank customers better by more than
    one standard error. It must beat the champion in deviance, unless that has learnt from the days of the test: then its
    family, fitted anew on each day, stands for it.
    """
    by_name = {each.contestant: each for each in measured}
    model = by_name[family]
    return _behind(by_name, {
        INCUMBENT: lambda other: not incumbent_in_sample and not _below(model.deviance, other.deviance),
        **dict.fromkeys(NAMES, lambda other: _below(other.deviance, model.deviance)),
        **dict.fromkeys(RULES_OF_THUMB, lambda other: _below(other.deviance, model.deviance) or _ranks_better(other, model)),
    })  # fmt: skip


def best_family(measured: Sequence[Measured]) -> FamilyName:
    """The family with the least deviance of the purchases expected; the simplest of those that are equal."""
    deviance = {each.contestant: each.deviance for each in measured}
    return min(NAMES, key=lambda name: (deviance[name] is None, deviance[name] or 0.0))


def _behind(by_name: Mapping[str, Measured], against: Mapping[str, Callable[[Measured], bool]]) -> list[str]:
    return [f"behind_{name}" for name, loses in against.items() if name in by_name and loses(by_name[name])]


def _ranks_better(rule: Measured, model: Measured) -> bool:
    return _below(_plus(model.auc, model.auc_standard_error), rule.auc)


def _order(forecast: Forecast) -> Floats:
    """The order of customers by purchases: by those expected, where they are forecast."""
    return forecast.score if forecast.purchases is None else forecast.purchases


def _bought(purchases: Floats) -> Floats:
    return (purchases > 0).astype(np.float64)


def _error(expected: Floats, happened: Floats) -> float | None:
    actual = float(happened.sum())
    return (float(expected.sum()) - actual) / actual if actual > 0 else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _below(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < other


def _plus(one: float | None, other: float | None) -> float | None:
    return None if one is None else one + (other or 0.0)
