"""The BG/NBD log-likelihood with its analytic gradient and Hessian, on distinct histories.

Fader, Hardie, Lee (2005), equation 6, as a sum of three parts that cancel nowhere, for any x and any size of the parameters:

    ln L = ln (r)_x + ln (b)_x - ln (a+b)_x                                 counts
         - r ln(1 + T/alpha) - x ln(alpha + T)                              exposure
         + ln(1 + exp v),  v = ln a - ln(b+x-1) + (r+x) ln((alpha+T) / (alpha+t_x)) where x > 0       leaving.

MBG/NBD (see `mbg_nbd`) is the same sum at b + 1, with the leaving term also where x = 0, and n ln(b / (a+b)) for n customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from analytics_svc.value.newton import Derivatives
from analytics_svc.value.statistics import Floats, Histories, run_starts

# Blocks stay in the processor's cache, and below the size at which OpenBLAS wakes threads that cost more than they bring.
_ROWS_AT_ONCE = 1 << 13


class Exposure(NamedTuple):
    """Customers and their purchases by (x, T), in runs of neighbouring rows."""

    weight: Floats
    purchases: Floats
    T: Floats


class Leavers(NamedTuple):
    """The rows of customers who may have left, with x > 0 for BG/NBD; `gap` is T - t_x in weeks."""

    weight: Floats
    x: Floats
    t_x: Floats
    gap: Floats


@dataclass(frozen=True, slots=True)
class Tables:
    """All of the histories that the likelihood needs, worked out once: `more_than[j]` customers have x > j."""

    more_than: Floats
    exposure: Exposure
    leavers: Leavers


def tables(histories: Histories, *, after_first: bool = False) -> Tables:
    """The tables of histories that hold at least one repeat buyer; `after_first`: customers may leave after the first purchase too."""
    x, weight = histories.x, histories.weight
    by_x = np.bincount(x, weight).astype(np.float64)
    starts = run_starts(x, histories.T)
    grouped = np.add.reduceat(weight, starts)
    may_leave = (x > 0) | after_first
    t_x = histories.t_x[may_leave]
    return Tables(
        more_than=np.cumsum(by_x[:0:-1])[::-1],
        exposure=Exposure(grouped, grouped * x[starts], histories.T[starts]),
        leavers=Leavers(weight[may_leave], x[may_leave].astype(np.float64), t_x, histories.T[may_leave] - t_x),
    )


def derivatives(known: Tables, parameters: Floats) -> Derivatives:
    """Value, gradient (4) and Hessian (4 x 4) of the log-likelihood by r, alpha, a, b."""
    value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
    for part in (_counts(known, parameters), exposure(known, parameters), *_leaving(known, parameters)):
        value += part[0]
        gradient += part[1]
        hessian += part[2]
    return value, gradient, hessian


def _counts(known: Tables, parameters: Floats) -> Derivatives:
    """Pochhammer terms as sums over j < x."""
    r, _, a, b = parameters
    n = known.more_than
    j = np.arange(len(n))
    by_r, by_b, by_ab = 1.0 / (r + j), 1.0 / (b + j), 1.0 / (a + b + j)
    value = n @ (np.log(r + j) - np.log1p(a * by_b))
    gradient = np.array([n @ by_r, 0.0, -(n @ by_ab), a * (n @ (by_b * by_ab))])
    hessian = np.zeros((4, 4))
    hessian[0, 0] = -(n @ by_r**2)
    hessian[2:, 2:] = n @ by_ab**2
    hessian[3, 3] -= n @ by_b**2
    return float(value), gradient, hessian


def exposure(known: Tables, parameters: Floats) -> Derivatives:
    """The part of the purchases' rates, by the first two parameters: r and alpha."""
    r, alpha, _, _ = parameters
    weight, purchases, age = known.exposure
    by_age = 1.0 / (alpha + age)
    share = float((weight * age * by_age).sum()) / alpha
    by_r = -float((weight * np.log1p(age / alpha)).sum())
    value = r * by_r - float((purchases * np.log(alpha + age)).sum())
    gradient = np.array([by_r, r * share - (purchases * by_age).sum(), 0.0, 0.0])
    hessian = np.zeros((4, 4))
    hessian[0, 1] = hessian[1, 0] = share
    hessian[1, 1] = ((r * weight + purchases) * by_age**2).sum() - r * weight.sum() / alpha**2
    return value, gradient, hessian


def _leaving(known: Tables, parameters: Floats) -> list[Derivatives]:
    """One part per block of rows, so that the working arrays stay in the processor's cache."""
    rows = len(known.leavers.x)
    blocks = (slice(start, start + _ROWS_AT_ONCE) for start in range(0, rows, _ROWS_AT_ONCE))
    return [_leaving_block(Leavers(*(column[block] for column in known.leavers)), parameters) for block in blocks]


def _leaving_block(rows: Leavers, parameters: Floats) -> Derivatives:
    r, alpha, a, b = parameters
    purchases = r + rows.x
    by_last, by_age = 1.0 / (alpha + rows.t_x), 1.0 / (alpha + rows.t_x + rows.gap)
    by_count = 1.0 / (b - 1.0 + rows.x)
    silence = np.log1p(rows.gap * by_last)
    closing = -rows.gap * by_last * by_age
    v = np.log(a * by_count) + purchases * silence
    left = rows.weight * expit(v)
    by_parameter = np.stack([silence, purchases * closing, np.full_like(v, 1.0 / a), -by_count])
    hessian = (by_parameter * (left * expit(-v))) @ by_parameter.T
    hessian[0, 1] += left @ closing
    hessian[1, 0] = hessian[0, 1]
    hessian[1, 1] -= left @ (purchases * closing * (by_last + by_age))
    hessian[2, 2] -= left.sum() / a**2
    hessian[3, 3] += left @ by_count**2
    return float(rows.weight @ np.logaddexp(0.0, v)), np.einsum("ij,j->i", by_parameter, left), hessian
