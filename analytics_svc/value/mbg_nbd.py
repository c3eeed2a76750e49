"""MBG/NBD: BG/NBD with one more chance to leave, after the first purchase; the closed form that churn rests on.

Batislam, Denizel, Filiztekin (2007): purchases at rate lambda ~ Gamma(r, alpha) per week, and after each purchase, the first one
included, the customer leaves with chance p ~ Beta(a, b). So who bought once and fell silent may have left, which BG/NBD denies.
Time is in weeks, x counts repeat purchase days. The likelihood is that of BG/NBD at b + 1 times b / (a + b) for each customer.
"""

from __future__ import annotations

from dataclasses import astuple
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from analytics_svc.value import bg_nbd
from analytics_svc.value.bg_nbd import (
    FEWEST_CUSTOMERS,
    HIGHEST,
    LOWEST,
    BgNbdFit,
    BgNbdParameters,
    check_enough,
    checked_horizons,
    start_of_search,
)
from analytics_svc.value.bg_nbd_likelihood import Tables, derivatives, tables
from analytics_svc.value.newton import Derivatives, maximise
from analytics_svc.value.purchases import purchases_while_alive
from analytics_svc.value.statistics import Floats, Histories, run_starts

_ONE_MORE = np.array([0.0, 0.0, 0.0, 1.0])


def fit(histories: Histories, *, fewest_customers: int = FEWEST_CUSTOMERS) -> BgNbdFit:
    """The maximum-likelihood r, alpha, a, b in the box of `bg_nbd.fit`, with standard errors. Raises NotEnoughHistory as that does."""
    check_enough(histories, fewest_customers)
    known = tables(histories, after_first=True)
    found = maximise(partial(_derivatives, known, histories.customers), start_of_search(histories), lower=LOWEST, upper=HIGHEST)
    errors = found.standard_errors()
    return BgNbdFit(
        parameters=BgNbdParameters(*found.parameters.tolist()),
        standard_errors=None if errors is None else BgNbdParameters(*errors.tolist()),
        log_likelihood=float(found.value),
        customers=histories.customers,
        iterations=found.iterations,
        converged=found.converged,
    )


def log_likelihood(parameters: BgNbdParameters, histories: Histories) -> float:
    """The log-likelihood of the histories, weights counted."""
    return _at(parameters, histories)[0]


def gradient(parameters: BgNbdParameters, histories: Histories) -> Floats:
    """The derivatives of the log-likelihood by r, alpha, a and b: four numbers."""
    return _at(parameters, histories)[1]


def hessian(parameters: BgNbdParameters, histories: Histories) -> Floats:
    """The second derivatives of the log-likelihood by r, alpha, a and b: four by four."""
    return _at(parameters, histories)[2]


def log_odds_of_buying(parameters: BgNbdParameters, histories: Histories, horizon: ArrayLike) -> Floats:
    """ln of (buys at least once in the `horizon` weeks after T) : (does not), per row; `horizon` above 0, a number or one per row."""
    weeks = checked_horizons(histories, horizon)
    return log_odds_at(parameters, histories.x.astype(np.float64), histories.t_x, histories.T, weeks=weeks)


def log_odds_at(parameters: BgNbdParameters, x: Floats, t_x: Floats, age: Floats, *, weeks: ArrayLike) -> Floats:
    """`log_odds_of_buying` where x need not be whole, as for the mean of many customers.

    With v the log-odds of having left and s = (r + x) ln((alpha + T + h) / (alpha + T)), P(buys) is (1 - e^-s) / (1 + e^v) and
    P(does not) is (e^v + e^-s) / (1 + e^v): their ratio keeps its digits at both ends.
    """
    silent = (parameters.r + x) * np.log1p(np.asarray(weeks) / (parameters.alpha + age))
    odds: Floats = np.log(-np.expm1(-silent)) - np.logaddexp(_log_odds_left(parameters, x, t_x, age), -silent)
    return odds


def p_buys_within(parameters: BgNbdParameters, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """P(at least one purchase in the `horizon` weeks after T) per row: 1 - L(T + h) / L(T) with x and t_x unchanged.

    `horizon` is a number or one per row, `alive` P(alive) where it has been worked out before.
    """
    silent = (parameters.r + histories.x) * np.log1p(checked_horizons(histories, horizon) / (parameters.alpha + histories.T))
    buys: Floats = -np.expm1(-silent) * (p_alive(parameters, histories) if alive is None else alive)
    return buys


def expected_purchases(parameters: BgNbdParameters, histories: Histories, horizon: ArrayLike, *, alive: Floats | None = None) -> Floats:
    """E[purchases in the `horizon` weeks after T | x, t_x, T] per row: that of BG/NBD at b + 1, but for P(alive).

    `horizon` and `alive` as in `p_buys_within`. Neighbouring rows that differ in t_x alone are worked out once.
    """
    p = parameters
    weeks = checked_horizons(histories, horizon)
    starts = run_starts(histories.x, histories.T, weeks)
    log_growth = np.log1p(weeks[starts] / (p.alpha + histories.T[starts]))
    distinct = purchases_while_alive((p.r, p.a, p.b + 1.0), histories.x[starts], log_growth)
    return np.repeat(distinct, np.diff(starts, append=len(histories))) * (p_alive(p, histories) if alive is None else alive)


def expected_purchases_new_customer(parameters: BgNbdParameters, weeks: ArrayLike) -> Floats:
    """E[X(t)], the repeat purchases of a customer in the first `weeks`; any shape. Some have left after the first purchase."""
    p = parameters
    once_more = BgNbdParameters(p.r, p.alpha, p.a, p.b + 1.0)
    stays: Floats = p.b / (p.a + p.b) * bg_nbd.expected_purchases_new_customer(once_more, weeks)
    return stays


def p_alive(parameters: BgNbdParameters, histories: Histories) -> Floats:
    """P(alive at T | x, t_x, T) per row."""
    alive: Floats = expit(-_log_odds_left(parameters, histories.x.astype(np.float64), histories.t_x, histories.T))
    return alive


def _at(parameters: BgNbdParameters, histories: Histories) -> Derivatives:
    return _derivatives(tables(histories, after_first=True), histories.customers, np.array(astuple(parameters)))


def _derivatives(known: Tables, customers: float, parameters: Floats) -> Derivatives:
    """Value, gradient and Hessian: those of BG/NBD at b + 1, and customers x ln(b / (a + b))."""
    value, gradient, hessian = derivatives(known, parameters + _ONE_MORE)
    _, _, a, b = parameters
    value -= customers * float(np.log1p(a / b))
    gradient[2:] += customers * np.array([-1.0 / (a + b), a / (b * (a + b))])
    hessian[2:, 2:] += customers / (a + b) ** 2
    hessian[3, 3] -= customers / b**2
    return value, gradient, hessian


def _log_odds_left(parameters: BgNbdParameters, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """ln of (left right after the last purchase) : (alive and silent since)."""
    p = parameters
    odds: Floats = np.log(p.a / (p.b + x)) + (p.r + x) * np.log1p((age - t_x) / (p.alpha + t_x))
    return odds
