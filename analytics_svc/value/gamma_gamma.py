"""Gamma-Gamma: what a customer spends on a purchase day, given how much was spent so far.

Fader & Hardie (2013), note 025: spend ~ Gamma(p, nu) around a customer's own level, nu ~ Gamma(q, gamma) over customers, and
neither depends on how often the customer buys. Money is in any one unit (gamma and the answers share it), x counts repeat purchase
days and `mean_spend` is their mean spend per day: the first purchase takes no part.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, digamma, polygamma

from analytics_svc.value.newton import Derivatives, maximise
from analytics_svc.value.statistics import Floats, Integers, NotEnoughHistory, check_weights, whole_numbers

FEWEST_REPEATERS = 10
_LOWEST_SHAPE, _HIGHEST_SHAPE = 1e-3, 1e4
_SCALE_RANGE = 1e6
_START = np.array([2.0, 3.0, 1.0])
# Blocks stay in the processor's cache, and below the size at which OpenBLAS wakes threads that cost more than they bring.
_ROWS_AT_ONCE = 1 << 13


class MeanSpendUndefined(ValueError):
    """The model gives the spend no finite mean: q <= 1 for a customer without repeat purchases, or p x + q <= 1."""


@dataclass(frozen=True, slots=True)
class GammaGammaParameters:
    """Shape p of a customer's spends, shape q and scale gamma (in units of money) of the customers' levels; all positive."""

    p: float
    q: float
    gamma: float

    def __post_init__(self) -> None:
        if not all(0.0 < value < np.inf for value in astuple(self)):
            raise ValueError("the parameters p, q and gamma of a Gamma-Gamma model are positive numbers")


@dataclass(frozen=True, slots=True)
class GammaGammaFit:
    """A maximum-likelihood fit to `customers` repeat buyers; `left_out` had no repeat purchase or did not spend on them.

    `standard_errors` is None where the data leave a direction of the parameters open.
    """

    parameters: GammaGammaParameters
    standard_errors: GammaGammaParameters | None
    log_likelihood: float
    customers: float
    left_out: float
    iterations: int
    converged: bool


@dataclass(frozen=True, slots=True)
class _Spends:
    """Repeat buyers: `weights` holds w and w x (2 by rows), `totals` x times the mean spend; the rest are sums over the rows."""

    weights: Floats
    totals: Floats
    weighted_log_totals: float
    weighted_log_means: float
    distinct_x: Floats
    weight_by_x: Floats


def fit(x: ArrayLike, mean_spend: ArrayLike, weight: ArrayLike = 1.0, *, fewest_repeaters: int = FEWEST_REPEATERS) -> GammaGammaFit:
    """The maximum-likelihood parameters, with standard errors from the observed information.

    Customers with x = 0 or `mean_spend` <= 0 have no likelihood in this model: they are left out and counted. Parameters stay
    within 0.001 <= p, q <= 10,000 and gamma within a factor of 1,000,000 of the mean spend. Raises NotEnoughHistory for fewer than
    `fewest_repeaters` usable customers or when all of them spend the same; ValueError for numbers that are not finite.
    """
    counts, means, weights = np.broadcast_arrays(whole_numbers("x", x), *(np.asarray(v, dtype=np.float64) for v in (mean_spend, weight)))
    check_weights(weights)
    usable = _usable(counts, means) & (weights > 0)
    left_out = float(weights[~usable].sum())
    counts, means, weights = counts[usable], means[usable], weights[usable]
    customers = float(weights.sum())
    if customers < fewest_repeaters:
        raise NotEnoughHistory(f"a Gamma-Gamma model needs at least {fewest_repeaters} customers who spent on a second day")
    if means.min() == means.max():
        raise NotEnoughHistory("all repeat buyers spend the same")
    scale = float((weights * means).sum()) / customers
    lower = np.array([_LOWEST_SHAPE, _LOWEST_SHAPE, scale / _SCALE_RANGE])
    upper = np.array([_HIGHEST_SHAPE, _HIGHEST_SHAPE, scale * _SCALE_RANGE])
    found = maximise(partial(_derivatives, _spends(counts, means, weights)), _START * [1.0, 1.0, scale], lower=lower, upper=upper)
    errors = found.standard_errors()
    return GammaGammaFit(
        parameters=GammaGammaParameters(*found.parameters.tolist()),
        standard_errors=None if errors is None else GammaGammaParameters(*errors.tolist()),
        log_likelihood=found.value,
        customers=customers,
        left_out=left_out,
        iterations=found.iterations,
        converged=found.converged,
    )


def log_likelihood(parameters: GammaGammaParameters, x: ArrayLike, mean_spend: ArrayLike, *, weight: ArrayLike = 1.0) -> float:
    """The log-likelihood (Fader & Hardie 2013, equation 1a) of customers with x > 0 and `mean_spend` > 0; the others count nothing."""
    return _evaluate(parameters, x, mean_spend, weight)[0]


def gradient(parameters: GammaGammaParameters, x: ArrayLike, mean_spend: ArrayLike, *, weight: ArrayLike = 1.0) -> Floats:
    """The derivatives of the log-likelihood by p, q and gamma: three numbers."""
    return _evaluate(parameters, x, mean_spend, weight)[1]


def hessian(parameters: GammaGammaParameters, x: ArrayLike, mean_spend: ArrayLike, *, weight: ArrayLike = 1.0) -> Floats:
    """The second derivatives of the log-likelihood by p, q and gamma: three by three."""
    return _evaluate(parameters, x, mean_spend, weight)[2]


def expected_spend(parameters: GammaGammaParameters, x: ArrayLike, mean_spend: ArrayLike) -> Floats:
    """E[spend per purchase day | x, mean_spend] per customer (note 025, equation 5): p (gamma + x mean_spend) / (p x + q - 1).

    Where x = 0 that is the population's mean p gamma / (q - 1), and `mean_spend` is not read. Raises MeanSpendUndefined where the
    mean is infinite, ValueError for a mean spend below zero of a repeat buyer.
    """
    counts, means = np.broadcast_arrays(whole_numbers("x", x), np.asarray(mean_spend, dtype=np.float64))
    totals = counts * np.where(counts > 0, means, 0.0)
    if not (totals >= 0).all():
        raise ValueError("the mean spend of a repeat buyer is a number, zero or more")
    shape = parameters.p * counts + parameters.q - 1.0
    if (shape <= 0).any():
        raise MeanSpendUndefined(f"with p = {parameters.p:.4g} and q = {parameters.q:.4g} the expected spend is not finite")
    expected: Floats = parameters.p * (parameters.gamma + totals) / shape
    return expected


def _usable(x: Integers, mean_spend: Floats) -> NDArray[np.bool_]:
    if not np.isfinite(mean_spend[x > 0]).all():
        raise ValueError("the mean spend of a repeat buyer is a finite number")
    return (x > 0) & (np.nan_to_num(mean_spend) > 0)


def _spends(x: Integers, mean_spend: Floats, weight: Floats) -> _Spends:
    weights = np.stack([weight, weight * x])
    totals = x * mean_spend
    by_x = np.bincount(x, weight).astype(np.float64)
    distinct = np.flatnonzero(by_x)
    log_means = np.log(mean_spend)
    return _Spends(
        weights=weights,
        totals=totals,
        weighted_log_totals=float((weights[1] * (log_means + np.log(x))).sum()),
        weighted_log_means=float((weight * log_means).sum()),
        distinct_x=distinct.astype(np.float64),
        weight_by_x=by_x[distinct],
    )


def _evaluate(parameters: GammaGammaParameters, x: ArrayLike, mean_spend: ArrayLike, weight: ArrayLike) -> Derivatives:
    counts, means, weights = np.broadcast_arrays(whole_numbers("x", x), *(np.asarray(v, dtype=np.float64) for v in (mean_spend, weight)))
    usable = _usable(counts, means)
    return _derivatives(_spends(counts[usable], means[usable], weights[usable]), np.array(astuple(parameters)))


def _derivatives(spends: _Spends, parameters: Floats) -> Derivatives:
    """Value, gradient (3) and Hessian (3 x 3) of the log-likelihood by p, q, gamma; gamma functions once per distinct x.

    ln L = - ln B(p x, q) - p x ln(1 + gamma / s) - q ln(1 + s / gamma) - ln(mean_spend), with s = x mean_spend.
    """
    p, q, gamma = parameters
    x, by_x = spends.distinct_x, spends.weight_by_x
    (logs, logs_x), (inverse, inverse_x), (squares, squares_x) = _sums(spends, gamma)
    customers = by_x.sum()
    spread_p, spread_q = logs_x - spends.weighted_log_totals, logs - customers * np.log(gamma)
    value = -(by_x @ betaln(p * x, q)) - p * spread_p - q * spread_q - spends.weighted_log_means
    both = digamma(p * x + q)
    slope_q = customers / gamma - inverse
    gradient = np.array(
        [(by_x * x) @ (both - digamma(p * x)) - spread_p, by_x @ (both - digamma(q)) - spread_q, q * slope_q - p * inverse_x]
    )
    curve = polygamma(1, p * x + q)
    upper = np.array(
        [
            [(by_x * x**2) @ (curve - polygamma(1, p * x)), (by_x * x) @ curve, -inverse_x],
            [0.0, by_x @ (curve - polygamma(1, q)), slope_q],
            [0.0, 0.0, p * squares_x - q * (customers / gamma**2 - squares)],
        ]
    )
    return float(value), gradient, upper + np.triu(upper, 1).T


def _sums(spends: _Spends, gamma: float) -> Floats:
    """Sums of ln(gamma + s), 1 / (gamma + s) and its square (rows), weighted by w and by w x (columns)."""
    total = np.zeros((3, 2))
    for start in range(0, len(spends.totals), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        shifted = spends.totals[rows] + gamma
        inverse = 1.0 / shifted
        total += np.stack([np.log(shifted), inverse, inverse**2]) @ spends.weights[:, rows].T
    return total
