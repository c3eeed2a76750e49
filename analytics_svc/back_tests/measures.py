"""How good forecasts were: of whether customers bought at all (probabilities), and of who bought how often (an order of customers)."""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from analytics_svc.scores.rules import Floats

BINS = 10
IMPOSSIBLE = 1e-12


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the customers by forecast: the mean forecast, the share that bought, and how many customers."""

    forecast: float
    observed: float
    customers: int


def auc(score: Floats, happened: Floats) -> float | None:
    """The chance that a customer to whom it happened scores above one to whom it did not, ties halved; None without both."""
    yes = float(happened.sum())
    no = len(happened) - yes
    if yes == 0 or no == 0:
        return None
    return float((_ranks(score)[happened > 0].sum() - yes * (yes + 1) / 2) / (yes * no))


def auc_standard_error(area: float, yes: float, no: float) -> float:
    """Hanley and McNeil (1982), equation 2."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (area * (1 - area) + (yes - 1) * (q1 - area**2) + (no - 1) * (q2 - area**2)) / (yes * no)
    return float(np.sqrt(max(variance, 0.0)))


def log_loss(p: Floats, happened: Floats) -> float:
    """The mean of -ln P(what happened); what was said to be impossible counts as one in a million million."""
    sure = np.clip(p, IMPOSSIBLE, 1 - IMPOSSIBLE)
    return float(-np.mean(xlogy(happened, sure) + xlogy(1 - happened, 1 - sure)))


def poisson_deviance(expected: Floats, purchases: Floats) -> float:
    """How far expected purchases are from what happened: 2 mean(y ln(y / mu) - (y - mu)), which only the true mean makes least.

    Who was expected to buy nothing counts as one expected in a million million.
    """
    mean = np.maximum(expected, IMPOSSIBLE)
    return float(2.0 * np.mean(xlogy(purchases, purchases / mean) - (purchases - mean)))


def brier(p: Floats, happened: Floats) -> float:
    """The mean squared distance of the forecast from what happened."""
    return float(np.mean((p - happened) ** 2))


def calibration(p: Floats, happened: Floats) -> list[Bin]:
    """Tenths of the customers by forecast, the lowest first."""
    parts = np.array_split(np.argsort(p, kind="stable"), BINS)
    return [Bin(float(p[part].mean()), float(happened[part].mean()), len(part)) for part in parts if len(part)]


def expected_calibration_error(bins: list[Bin]) -> float:
    """The mean distance of forecast and observation over the bins, by customers."""
    customers = sum(each.customers for each in bins)
    return sum(each.customers * abs(each.forecast - each.observed) for each in bins) / customers


def gini(score: Floats, purchases: Floats) -> float | None:
    """How well the score ranks the purchases: the area between concentration curve and chance, over that of the perfect order.

    Ties share their purchases, so a score that says nothing has 0. None where nobody bought, or all bought the same.
    """
    best = _area(purchases, purchases)
    return _area(score, purchases) / best if best > 0 else None


def _area(score: Floats, purchases: Floats) -> float:
    """The covariance of rank and purchases, which is in proportion to that area."""
    return float(((_ranks(score) - (len(score) + 1) / 2) * purchases).sum())


def _ranks(score: Floats) -> Floats:
    """The rank of each from 1, equals sharing the average of theirs."""
    from scipy.stats import rankdata  # 50 MB, of which every process would hold its own for a job that seldom runs

    return np.asarray(rankdata(score), dtype=float)
