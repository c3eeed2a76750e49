"""Pareto/NBD: customers buy at a rate while they are alive, and may leave at any time, not only after a purchase.

Schmittlein, Morrison, Colombo (1987), in the form of Fader & Hardie (2005), "A note on deriving the Pareto/NBD model and related
expressions": purchases at rate lambda ~ Gamma(r, alpha) per week, and leaving at rate mu ~ Gamma(s, beta) per week. Time is in weeks, x
counts repeat purchase days. Who bought once and fell silent may have left.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, exprel

from analytics_svc.value.bg_nbd import FEWEST_CUSTOMERS, check_enough, checked_horizons, start_of_search
from analytics_svc.value.bg_nbd_likelihood import tables
from analytics_svc.value.lifetime import weekly_discounts
from analytics_svc.value.newton import maximise
from analytics_svc.value.pareto_nbd_likelihood import derivatives, log_odds_left
from analytics_svc.value.power_integrals import Stretch, integrals
from analytics_svc.value.statistics import Floats, Histories, run_starts

LOWEST = np.array([1e-3, 1e-3, 1e-3, 1e-3])
HIGHEST = np.array([1e3, 1e6, 1e3, 1e6])
_DECAYED = 40.0
_PANELS, _NODES = 12, 16


@dataclass(frozen=True, slots=True)
class ParetoNbdParameters:
    """Shape r and rate alpha (weeks) of the purchase rates, shape s and rate beta (weeks) of the rates of leaving; all positive."""

    r: float
    alpha: float
    s: float
    beta: float

    def __post_init__(self) -> None:
        if not all(0.0 < value < np.inf for value in astuple(self)):
            raise ValueError("the parameters r, alpha, s and beta of a Pareto/NBD model are positive numbers")


@dataclass(frozen=True, slots=True)
class ParetoNbdFit:
    """A maximum-likelihood fit. `standard_errors` is None where the data leave a direction of the parameters open."""

    parameters: ParetoNbdParameters
    standard_errors: ParetoNbdParameters | None
    log_likelihood: float
    customers: float
    iterations: int
    converged: bool


def fit(histories: Histories, *, fewest_customers: int = FEWEST_CUSTOMERS) -> ParetoNbdFit:
    """The maximum-likelihood parameters, with standard errors from the observed information.

    Parameters stay within 0.001 <= r, s <= 1000 and alpha, beta <= 1,000,000 weeks: where the likelihood rises for ever (customers
    all alike, nobody leaves) the fit ends on that box, and predicts as the limit does. Raises NotEnoughHistory as `bg_nbd.fit` does.
    """
    check_enough(histories, fewest_customers)
    known = tables(histories, after_first=True)
    found = maximise(partial(derivatives, known), _start_of_search(histories), lower=LOWEST, upper=HIGHEST)
    errors = found.standard_errors()
    return ParetoNbdFit(
        parameters=ParetoNbdParameters(*found.parameters.tolist()),
        standard_errors=None if errors is None else ParetoNbdParameters(*errors.tolist()),
        log_likelihood=float(found.value),
        customers=histories.customers,
        iterations=found.iterations,
        converged=found.converged,
    )


def log_likelihood(parameters: ParetoNbdParameters, histories: Histories) -> float:
    """The log-likelihood of the histories, weights counted (see `pareto_nbd_likelihood`)."""
    return float(derivatives(tables(histories, after_first=True), np.array(astuple(parameters)))[0])


def gradient(parameters: ParetoNbdParameters, histories: Histories) -> Floats:
    """The derivatives of the log-likelihood by r, alpha, s and beta: four numbers."""
    return derivatives(tables(histories, after_first=True), np.array(astuple(parameters)))[1]


def hessian(parameters: ParetoNbdParameters, histories: Histories) -> Floats:
    """The second derivatives of the log-likelihood by r, alpha, s and beta: four by four."""
    return derivatives(tables(histories, after_first=True), np.array(astuple(parameters)))[2]


def p_alive(parameters: ParetoNbdParameters, histories: Histories) -> Floats:
    """P(alive at T | x, t_x, T) per row (Fader & Hardie 2005, the probability of being active); 1 where the last purchase was at T."""
    left = log_odds_left(np.array(astuple(parameters)), histories.x.astype(np.float64), histories.t_x, histories.T)
    alive: Floats = expit(-left)
    return alive


def p_buys_within(parameters: ParetoNbdParameters, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """P(at least one purchase in the `horizon` weeks after T) per row: 1 - L(T + h) / L(T) with x and t_x unchanged.

    `horizon` is a number or one per row, `alive` P(alive) where it has been worked out before. The ratio is P(alive) times the integral
    over y in T..T + h of the rate at which a customer who is alive and has not bought since T buys first:
    (r+x)/(alpha+y) ((alpha+T)/(alpha+y))^(r+x) ((beta+T)/(beta+y))^s.
    """
    p = parameters
    weeks = checked_horizons(histories, horizon)
    starts = run_starts(histories.x, histories.T, weeks)
    age = histories.T[starts]
    k = p.r + histories.x[starts].astype(np.float64)
    first = k / (p.alpha + age) * integrals(p.alpha, p.beta, Stretch(k + 1.0, np.full_like(k, p.s), age, weeks[starts]))
    distinct = np.repeat(np.minimum(first, 1.0), np.diff(starts, append=len(histories)))
    return distinct * (p_alive(p, histories) if alive is None else alive)


def expected_purchases(parameters: ParetoNbdParameters, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """E[purchases in the `horizon` weeks after T | x, t_x, T] per row (Fader & Hardie 2005, the conditional expectation).

    `horizon` and `alive` as in `p_buys_within`. The limit at s = 1 is passed without a seam.
    """
    p = parameters
    weeks = checked_horizons(histories, horizon)
    rate = (p.r + histories.x) / (p.alpha + histories.T)
    expected: Floats = rate * _weeks_alive(p, histories.T, weeks) * (p_alive(p, histories) if alive is None else alive)
    return expected


def expected_purchases_new_customer(parameters: ParetoNbdParameters, weeks: ArrayLike) -> Floats:
    """E[X(t)], the repeat purchases of a customer in the first `weeks` (Fader & Hardie 2005, the mean); any shape."""
    given = np.asarray(weeks, dtype=np.float64)
    if not (given >= 0).all():
        raise ValueError("the weeks after the first purchase are never negative")
    expected: Floats = parameters.r / parameters.alpha * _weeks_alive(parameters, np.zeros_like(given), given)
    return expected


def discounted_expected_transactions(parameters: ParetoNbdParameters, histories: Histories, weekly_discount: float) -> Floats:
    """DERT: all purchases expected after T, each discounted by e^(-delta x weeks), per row.

    Fader, Hardie, Lee (2005), "RFM and CLV", equation 2; `weekly_discount` delta > 0, continuously compounded. It is
    (r+x)/(alpha+T) P(alive) int_0^inf e^(-delta u) ((beta+T)/(beta+T+u))^s du, worked out once per T.
    """
    if not 0.0 < weekly_discount < np.inf:
        raise ValueError("a discount rate per week is a number above 0")
    p = parameters
    ages, position = np.unique(histories.T, return_inverse=True)
    weeks = _discounted_weeks_alive(p.s, p.beta + ages, weekly_discount)[position]
    expected: Floats = (p.r + histories.x) / (p.alpha + histories.T) * weeks * p_alive(p, histories)
    return expected


def discounted_purchases(
    parameters: ParetoNbdParameters, histories: Histories, horizon: float, *, annual_discount_rate: float, alive: Floats | None = None
) -> Floats:
    """The purchases expected in the next `horizon` weeks, each week's discounted, per row (see `lifetime.discounted_purchases`).

    The weeks enter through T alone, so the sum over them is worked out once per T.
    """
    p = parameters
    weeks, shares = weekly_discounts(horizon, annual_discount_rate)
    ages, position = np.unique(histories.T, return_inverse=True)
    discounted = _weeks_alive(p, ages[:, None], weeks) @ shares
    expected: Floats = (p.r + histories.x) / (p.alpha + histories.T) * discounted[position]
    return expected * (p_alive(p, histories) if alive is None else alive)


def _weeks_alive(parameters: ParetoNbdParameters, age: Floats, weeks: Floats) -> Floats:
    """The weeks that a customer who is alive at `age` is alive in the next `weeks`: int_0^t ((beta+T) / (beta+T+u))^s du."""
    base = parameters.beta + age
    growth = np.log1p(weeks / base)
    alive: Floats = base * growth * exprel((1.0 - parameters.s) * growth)
    return alive


def _discounted_weeks_alive(s: float, base: Floats, discount: float) -> Floats:
    """int_0^inf e^(-delta u) (base / (base+u))^s du per entry, by Gauss-Legendre panels in w = ln(1 + u / base)."""
    z = discount * base
    end = np.log1p(_DECAYED / z)
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    grid = ((places + 1.0) / 2.0 + np.arange(_PANELS)[:, None]).ravel() / _PANELS
    shares = np.tile(weights, _PANELS) / (2.0 * _PANELS)
    w = end[:, None] * grid
    found: Floats = base * end * (np.exp(-z[:, None] * np.expm1(w) + (1.0 - s) * w) @ shares)
    return found


def _start_of_search(histories: Histories) -> Floats:
    """The start of BG/NBD's search for the purchases; leaving as slow as customers are old."""
    r, alpha, _, _ = start_of_search(histories)
    return np.array([r, alpha, 0.5, float(histories.weight @ histories.T) / histories.customers])
