"""Discounted lifetime value: the margin a customer is expected to bring from now on, never what was brought already.

Convention: the horizon is cut into weeks; what week w = 1, 2, ... brings is discounted by (1 + d)^(-w / 52.1775), d the rate per year
and 52.1775 = 365.2425 / 7 the weeks in it. The last week may be a part of one and counts as a whole one in the discount.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike

from analytics_svc.value import bg_nbd, mbg_nbd
from analytics_svc.value.bg_nbd import BgNbdParameters
from analytics_svc.value.purchases import purchases_while_alive
from analytics_svc.value.statistics import Floats, Histories, Integers, run_starts

WEEKS_PER_YEAR = 52.1775
_DIGITS = 32.0
_STRIP = np.pi / 2


def discounted_value(
    parameters: BgNbdParameters,
    histories: Histories,
    horizon: float,
    *,
    spend: ArrayLike,
    margin_share: ArrayLike,
    annual_discount_rate: float,
) -> Floats:
    """The expected margin of the next `horizon` weeks, discounted, per row of `histories`, in the money unit of `spend`.

    `spend` is the expected spend per purchase (`gamma_gamma.expected_spend`) and `margin_share` the part of it that is margin: a
    number or one per row each. The value is sum_w (E X(w) - E X(w-1)) x spend x margin_share x (1 + d)^(-w / 52.1775). Where
    customers share a history but not a spend, multiply `discounted_purchases` yourself. Raises ValueError as that does.
    """
    purchases = discounted_purchases(parameters, histories, horizon, annual_discount_rate=annual_discount_rate)
    value: Floats = purchases * np.asarray(spend, dtype=np.float64) * np.asarray(margin_share, dtype=np.float64)
    return value


def discounted_purchases(
    parameters: BgNbdParameters,
    histories: Histories,
    horizon: float,
    *,
    annual_discount_rate: float,
    after_first: bool = False,
    alive: Floats | None = None,
) -> Floats:
    """The purchases expected in the next `horizon` weeks, each week's discounted, per row of `histories`.

    By BG/NBD, or with `after_first` by MBG/NBD (that of Pareto/NBD is `pareto_nbd.discounted_purchases`); `alive` is P(alive) where it
    has been worked out before. `annual_discount_rate` d > -1 (0.1 is ten percent a year). Expected purchases depend on T and the week
    through u = ln(1 + week / (alpha + T)) alone, so they are interpolated in u once per x (Chebyshev, relative error below 1e-10), and
    the sum over weeks is one product per (x, T). Raises ValueError for a negative or infinite horizon and for d <= -1.
    """
    weeks, shares = weekly_discounts(horizon, annual_discount_rate)
    module = mbg_nbd if after_first else bg_nbd
    known = module.p_alive(parameters, histories) if alive is None else alive
    if horizon <= 1.0 or len(histories) == 0:
        first_week: Floats = module.expected_purchases(parameters, histories, horizon, alive=known) * shares[0]
        return first_week
    starts = run_starts(histories.x, histories.T)
    p = replace(parameters, b=parameters.b + 1.0) if after_first else parameters
    found = _while_alive(p, histories.x[starts], histories.T[starts], weeks=weeks, shares=shares)
    return np.repeat(found, np.diff(starts, append=len(histories))) * known


def weekly_discounts(horizon: float, annual_discount_rate: float) -> tuple[Floats, Floats]:
    """The ends of the weeks, and by what the expectation up to each end is multiplied (the sum over weeks, by parts).

    Raises ValueError for a negative or infinite horizon (weeks) and for a rate of -1 or less.
    """
    if not 0.0 <= horizon < np.inf:
        raise ValueError("a horizon is a finite number of weeks, zero or more")
    if not -1.0 < annual_discount_rate < np.inf:
        raise ValueError("a discount rate per year is a number above -1")
    last = max(int(np.ceil(horizon)), 1)
    factors = (1.0 + annual_discount_rate) ** (-np.arange(1, last + 1) / WEEKS_PER_YEAR)
    weeks = np.arange(1.0, last + 1)
    weeks[-1] = horizon
    return weeks, factors - np.append(factors[1:], 0.0)


def _while_alive(parameters: BgNbdParameters, x: Integers, age: Floats, *, weeks: Floats, shares: Floats) -> Floats:
    """Discounted purchases of customers who are alive, per (x, T).

    What is interpolated is N_x(u) / (u e^(g u)), g = max(1 - a, 0): nearly flat, so that no T loses digits to a younger one.
    """
    p = parameters
    growth = max(1.0 - p.a, 0.0)
    distinct_x, x_position = np.unique(x, return_inverse=True)
    ages, age_position = np.unique(age, return_inverse=True)
    half = float(np.log1p(weeks[-1] / (p.alpha + ages[0]))) / 2.0
    nodes = chebyshev.chebpts1(_nodes_needed(half))
    u = np.tile((nodes + 1.0) * half, len(distinct_x))
    alive = purchases_while_alive((p.r, p.a, p.b), np.repeat(distinct_x, len(nodes)), u) / (u * np.exp(growth * u))
    coefficients = alive.reshape(len(distinct_x), -1) @ _interpolation(nodes)
    week_u = np.log1p(weeks / (p.alpha + ages[:, None]))
    moments = _chebyshev_moments(week_u / half - 1.0, shares * week_u * np.exp(growth * week_u), len(nodes))
    found: Floats = np.einsum("ij,ij->i", coefficients[x_position], moments[age_position])
    return found


def _nodes_needed(half: float) -> int:
    """Enough for 1e-14: N_x is analytic and tame for |Im u| < pi / 2, on an interval of length 2 `half`."""
    return int(np.ceil(_DIGITS / np.arcsinh(_STRIP / half))) + 2


def _interpolation(nodes: Floats) -> Floats:
    """The matrix from values at Chebyshev nodes to the coefficients of the interpolating series."""
    matrix = np.asarray(chebyshev.chebvander(nodes, len(nodes) - 1), dtype=np.float64) * (2.0 / len(nodes))
    matrix[:, 0] /= 2.0
    return matrix


def _chebyshev_moments(place: Floats, shares: Floats, count: int) -> Floats:
    """Sums of shares x T_k(place) over the last axis for k < count, by the recurrence of the polynomials T_k."""
    before, current = shares, np.asarray(shares * place, dtype=np.float64)
    moments = [before.sum(axis=-1), current.sum(axis=-1)]
    for _ in range(2, count):
        before, current = current, np.asarray(2.0 * place * current - before, dtype=np.float64)
        moments.append(current.sum(axis=-1))
    return np.stack(moments, axis=-1)
