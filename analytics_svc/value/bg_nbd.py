"""BG/NBD: how often customers buy while they are alive, and how likely they are to leave after a purchase.

Fader, Hardie, Lee (2005), "Counting your customers" the easy way: purchases at rate lambda ~ Gamma(r, alpha) per week, and after
each purchase the customer leaves with chance p ~ Beta(a, b). Time is in weeks, x counts repeat purchase days.
P(alive) is no churn score: it is 1 for everyone who bought once. Ask `p_buys_within` instead.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from analytics_svc.value.bg_nbd_likelihood import derivatives, tables
from analytics_svc.value.newton import maximise
from analytics_svc.value.purchases import purchases_while_alive
from analytics_svc.value.statistics import Floats, Histories, NotEnoughHistory, run_starts

FEWEST_CUSTOMERS = 10
LOWEST = np.array([1e-3, 1e-3, 1e-3, 1e-3])
HIGHEST = np.array([1e3, 1e6, 1e3, 1e5])


@dataclass(frozen=True, slots=True)
class BgNbdParameters:
    """Shape r and rate alpha (weeks) of the purchase rates, a and b of the chance to leave; all positive."""

    r: float
    alpha: float
    a: float
    b: float

    def __post_init__(self) -> None:
        if not all(0.0 < value < np.inf for value in astuple(self)):
            raise ValueError("the parameters r, alpha, a and b of a BG/NBD model are positive numbers")


@dataclass(frozen=True, slots=True)
class BgNbdFit:
    """A maximum-likelihood fit. `standard_errors` is None where the data leave a direction of the parameters open."""

    parameters: BgNbdParameters
    standard_errors: BgNbdParameters | None
    log_likelihood: float
    customers: float
    iterations: int
    converged: bool


def fit(histories: Histories, *, fewest_customers: int = FEWEST_CUSTOMERS) -> BgNbdFit:
    """The maximum-likelihood parameters, with standard errors from the observed information.

    Parameters stay within 0.001 <= r, a <= 1000, b <= 100,000, alpha <= 1,000,000 weeks: where the likelihood rises for ever
    (customers all alike, nobody leaves) the fit ends on that box, and predicts as the limit does. Raises NotEnoughHistory for
    fewer than `fewest_customers`, without a repeat purchase, or when all histories are the same.
    """
    check_enough(histories, fewest_customers)
    found = maximise(partial(derivatives, tables(histories)), start_of_search(histories), lower=LOWEST, upper=HIGHEST)
    errors = found.standard_errors()
    return BgNbdFit(
        parameters=BgNbdParameters(*found.parameters.tolist()),
        standard_errors=None if errors is None else BgNbdParameters(*errors.tolist()),
        log_likelihood=found.value,
        customers=histories.customers,
        iterations=found.iterations,
        converged=found.converged,
    )


def log_likelihood(parameters: BgNbdParameters, histories: Histories) -> float:
    """The log-likelihood of the histories, weights counted (Fader, Hardie, Lee 2005, equation 6, as in note 004)."""
    return derivatives(tables(histories), np.array(astuple(parameters)))[0]


def gradient(parameters: BgNbdParameters, histories: Histories) -> Floats:
    """The derivatives of the log-likelihood by r, alpha, a and b: four numbers."""
    return derivatives(tables(histories), np.array(astuple(parameters)))[1]


def hessian(parameters: BgNbdParameters, histories: Histories) -> Floats:
    """The second derivatives of the log-likelihood by r, alpha, a and b: four by four."""
    return derivatives(tables(histories), np.array(astuple(parameters)))[2]


def p_alive(parameters: BgNbdParameters, histories: Histories) -> Floats:
    """P(alive at T | x, t_x, T) per row (Fader, Hardie, Lee 2008, note 021); 1 for every row with x = 0."""
    bought = histories.x > 0
    log_odds_left = _log_odds_left(parameters, histories.x.astype(np.float64), histories.t_x, histories.T)
    alive: Floats = np.where(bought, expit(-log_odds_left), 1.0)
    return alive


def p_buys_within(parameters: BgNbdParameters, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """P(at least one purchase in the `horizon` weeks after T) per row: 1 - L(T + h) / L(T) with x and t_x unchanged.

    The churn score of this model. `horizon` is a number or one per row, `alive` P(alive) where it has been worked out before. The
    ratio is P(alive) (1 - ((alpha + T) / (alpha + T + h))^(r + x)), computed without a difference of near-equal numbers.
    """
    weeks = checked_horizons(histories, horizon)
    silent = -(parameters.r + histories.x) * np.log1p(weeks / (parameters.alpha + histories.T))
    buys: Floats = -np.expm1(silent) * (p_alive(parameters, histories) if alive is None else alive)
    return buys


def expected_purchases(parameters: BgNbdParameters, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """E[purchases in the `horizon` weeks after T | x, t_x, T] per row (Fader, Hardie, Lee 2005, equation 10).

    `horizon` and `alive` as in `p_buys_within`. Exact for any x and through a = 1 (see `purchases`). Neighbouring rows that differ in
    t_x alone, as `collapse` orders them, are worked out once.
    """
    p = parameters
    weeks = checked_horizons(histories, horizon)
    starts = run_starts(histories.x, histories.T, weeks)
    log_growth = np.log1p(weeks[starts] / (p.alpha + histories.T[starts]))
    distinct = purchases_while_alive((p.r, p.a, p.b), histories.x[starts], log_growth)
    return np.repeat(distinct, np.diff(starts, append=len(histories))) * (p_alive(p, histories) if alive is None else alive)


def expected_purchases_new_customer(parameters: BgNbdParameters, weeks: ArrayLike) -> Floats:
    """E[X(t)], the repeat purchases of a customer in the first `weeks` (Fader, Hardie, Lee 2005, equation 9); any shape."""
    given = np.asarray(weeks, dtype=np.float64)
    if not (given >= 0).all():
        raise ValueError("the weeks after the first purchase are never negative")
    p = parameters
    flat = np.log1p(given.ravel() / p.alpha)
    return purchases_while_alive((p.r, p.a, p.b), np.zeros(flat.size, dtype=np.int64), flat).reshape(given.shape)


def checked_horizons(histories: Histories, horizon: ArrayLike) -> Floats:
    """A horizon of weeks for each row. Raises ValueError for one that is negative or not finite."""
    weeks = np.broadcast_to(np.asarray(horizon, dtype=np.float64), histories.T.shape)
    if not ((weeks >= 0) & (weeks < np.inf)).all():
        raise ValueError("a horizon is a finite number of weeks, zero or more")
    return weeks


def _log_odds_left(parameters: BgNbdParameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """ln of (left right after the last purchase) : (alive and silent since); meaningless where x = 0."""
    p = parameters
    silence = np.log1p((age - t_x) / (p.alpha + t_x))
    return np.log(p.a / np.maximum(p.b + x - 1.0, p.b)) + (p.r + x) * silence


def check_enough(histories: Histories, fewest_customers: int) -> None:
    """Raises NotEnoughHistory (see `fit`)."""
    known = histories.weight > 0
    if histories.customers < fewest_customers:
        raise NotEnoughHistory(f"a BG/NBD model needs at least {fewest_customers} customers")
    if not (histories.x[known] > 0).any():
        raise NotEnoughHistory("no customer has bought on a second day yet")
    if all((values[known] == values[known][0]).all() for values in (histories.x, histories.t_x, histories.T)):
        raise NotEnoughHistory("all customers have the same history")


def start_of_search(histories: Histories) -> Floats:
    """A start that scales with the unit of time: the mean rate while customers were seen, a third of them leaving."""
    x, weight = histories.x, histories.weight
    repeaters = x > 0
    rate = float((weight * x).sum() / (weight * np.where(repeaters, histories.t_x, histories.T)).sum())
    return np.array([0.5, 0.5 / rate, 1.0, 2.0])
