"""The Pareto/NBD log-likelihood with its analytic gradient and Hessian, on distinct histories.

Fader & Hardie (2005), "A note on deriving the Pareto/NBD model and related expressions", before its integral is written in
hypergeometric functions, as a sum of parts that cancel nowhere, for any x:

    ln L = ln (r)_x                                                             counts
         - r ln(1 + T/alpha) - x ln(alpha + T) - s ln(1 + T/beta)               exposure
         + ln(1 + J),  J = s int ((alpha+T)/(alpha+y))^(r+x) ((beta+T)/(beta+y))^s / (beta+y) dy      leaving,

y from t_x to T, the moment of leaving. J is the odds of having left; its derivatives are moments of y under the integrand, taken at the
same nodes (see `power_integrals`), so that value, gradient and Hessian belong to one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from analytics_svc.value.bg_nbd_likelihood import Leavers, Tables, exposure
from analytics_svc.value.newton import Derivatives
from analytics_svc.value.power_integrals import Block, Stretch, blocks
from analytics_svc.value.statistics import Floats


class _Rows(NamedTuple):
    """The rows of a block: customers, r + x, alpha + t_x, beta + t_x, alpha + T, beta + T, and ln J without its integral."""

    weight: Floats
    k: Floats
    alpha_last: Floats
    beta_last: Floats
    alpha_end: Floats
    beta_end: Floats
    log_odds: Floats


def derivatives(known: Tables, parameters: Floats) -> Derivatives:
    """Value, gradient (4) and Hessian (4 x 4) of the log-likelihood by r, alpha, s, beta; `known` with `after_first`."""
    value, gradient, hessian = exposure(known, parameters)
    for part in (_counts(known, parameters), _survival(known, parameters), *_leaving(known.leavers, parameters)):
        value += part[0]
        gradient += part[1]
        hessian += part[2]
    return value, gradient, hessian


def log_odds_left(parameters: Floats, x: Floats, t_x: Floats, age: Floats) -> Floats:
    """ln J, the log-odds of having left by T, per row; -inf where the last purchase was at T."""
    found = np.full(len(x), -np.inf)
    silent = np.flatnonzero(age > t_x)
    rows, wanted = _asked(parameters, Leavers(np.ones(len(silent)), x[silent], t_x[silent], (age - t_x)[silent]))
    for block in blocks(parameters[1], parameters[3], wanted):
        found[silent[block.rows]] = rows.log_odds[block.rows] + np.log(block.terms.sum(axis=1))
    return found


def _counts(known: Tables, parameters: Floats) -> Derivatives:
    """The Pochhammer term as a sum over j < x."""
    steps = parameters[0] + np.arange(len(known.more_than))
    gradient, hessian = np.zeros(4), np.zeros((4, 4))
    gradient[0] = known.more_than @ (1.0 / steps)
    hessian[0, 0] = -(known.more_than @ (1.0 / steps**2))
    return float(known.more_than @ np.log(steps)), gradient, hessian


def _survival(known: Tables, parameters: Floats) -> Derivatives:
    """-s ln(1 + T/beta)."""
    _, _, s, beta = parameters
    weight, age = known.exposure.weight, known.exposure.T
    by_s = -float((weight * np.log1p(age / beta)).sum())
    by_age = 1.0 / (beta + age)
    share = float((weight * age * by_age).sum()) / beta
    gradient, hessian = np.array([0.0, 0.0, by_s, s * share]), np.zeros((4, 4))
    hessian[2, 3] = hessian[3, 2] = share
    hessian[3, 3] = s * float((weight * (by_age**2 - 1.0 / beta**2)).sum())
    return s * by_s, gradient, hessian


def _leaving(leavers: Leavers, parameters: Floats) -> Iterator[Derivatives]:
    """One part per block of rows and nodes."""
    silent = (leavers.gap > 0) & (leavers.weight > 0)
    rows, wanted = _asked(parameters, leavers if silent.all() else Leavers(*(column[silent] for column in leavers)))
    for block in blocks(parameters[1], parameters[3], wanted):
        yield _leaving_block(parameters, _Rows(*(column[block.rows] for column in rows)), block)


def _asked(parameters: Floats, leavers: Leavers) -> tuple[_Rows, Stretch]:
    r, alpha, s, beta = parameters
    k = r + leavers.x
    alpha_last, beta_last = alpha + leavers.t_x, beta + leavers.t_x
    log_odds = np.log(s / beta_last) + k * np.log1p(leavers.gap / alpha_last) + s * np.log1p(leavers.gap / beta_last)
    rows = _Rows(leavers.weight, k, alpha_last, beta_last, alpha_last + leavers.gap, beta_last + leavers.gap, log_odds)
    return rows, Stretch(k, np.full_like(k, s + 1.0), leavers.t_x, leavers.gap)


def _leaving_block(parameters: Floats, rows: _Rows, at: Block) -> Derivatives:
    """ln(1 + J) of a block; the columns are the derivatives of the logarithm of the integrand against what they are at T."""
    s = parameters[2]
    total = at.terms.sum(axis=1)
    log_odds = rows.log_odds + np.log(total)
    left = rows.weight * expit(log_odds)
    by_alpha = 1.0 / (rows.alpha_last[:, None] * at.growth_alpha)
    by_beta = 1.0 / (rows.beta_last[:, None] * at.growth_beta)
    alpha_end, beta_end = 1.0 / rows.alpha_end, 1.0 / rows.beta_end
    columns = np.stack([
        np.log(rows.alpha_end / rows.alpha_last)[:, None] - at.log_alpha,
        rows.k[:, None] * (alpha_end[:, None] - by_alpha),
        1.0 / s + np.log(rows.beta_end / rows.beta_last)[:, None] - at.log_beta,
        (s * beta_end)[:, None] - (s + 1.0) * by_beta,
    ])  # fmt: skip
    mass = at.terms * (left / total)[:, None]
    weighted = columns * mass
    by_row = weighted.sum(axis=2)
    flat = columns.reshape(4, -1)
    hessian = weighted.reshape(4, -1) @ flat.T
    hessian -= (by_row / rows.weight) @ by_row.T
    hessian += _bends(s, rows, (by_alpha, by_beta), mass, left)
    return float(rows.weight @ np.logaddexp(0.0, log_odds)), by_row.sum(axis=1), hessian


def _bends(s: float, rows: _Rows, inverse: tuple[Floats, Floats], mass: Floats, left: Floats) -> Floats:
    """The mean second derivatives of the logarithm of the integrand, against those at T."""
    by_alpha, by_beta = inverse
    alpha_end, beta_end = 1.0 / rows.alpha_end, 1.0 / rows.beta_end
    found = np.zeros((4, 4))
    found[0, 1] = found[1, 0] = left @ alpha_end - np.vdot(mass, by_alpha)
    found[1, 1] = np.vdot(mass * rows.k[:, None], by_alpha**2) - left @ (rows.k * alpha_end**2)
    found[2, 2] = -left.sum() / s**2
    found[2, 3] = found[3, 2] = left @ beta_end - np.vdot(mass, by_beta)
    found[3, 3] = (s + 1.0) * np.vdot(mass, by_beta**2) - s * float(left @ beta_end**2)
    return found
