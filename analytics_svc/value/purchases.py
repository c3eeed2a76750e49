"""Expected purchases of a BG/NBD customer who is alive, exact for any count, horizon and parameter.

With k = r + x, tau = h / (alpha + T), u = ln(1 + tau) and p ~ Beta(a, b + x) the chance to leave after a purchase,

    N_x(u) = E_p[h(p)],    h(p) = (1 - (1 + p tau)^-k) / p,    E[X(T, T + h) | x, t_x, T] = P(alive) N_x(u).

That is equation 10 of Fader, Hardie, Lee (2005); it depends on T and the horizon through u alone. After Euler's transform both of
its terms are power series in z = 1 - e^-u; subtracting them term by term removes the difference of near-equal numbers, and with
it the pole at a = 1:

    N_x(u) = k (1 - z)^(a-1)  sum_{n>=1} (a)_{n-1} / n!  Q_n z^n,    Q_n = sum_{j<n} (d)_j / (c)_j,    d = a+b-1-r, c = a+b+x.

Where the series is slow (z near 1, large a) or alternates (d far below 0), the mean over p is a trapezoidal sum in logit p.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import betainc, expit

from analytics_svc.value.statistics import Floats, Integers

_LONGEST_SERIES = 512
_SHORTEST_SERIES = 16
_MILD_ALTERNATION = 3.0
_DECAYED = 40.0
_WIDEST_NODE_STEP = 0.25
_CELLS_AT_ONCE = 1 << 16


def purchases_while_alive(shape: tuple[float, float, float], x: Integers, u: Floats) -> Floats:
    """N_x(u) of the module's docstring, row by row, to a relative error below 1e-11.

    `shape` is (r, a, b); `x` and `u` have one length, u = ln(1 + horizon / (alpha + T)) >= 0.
    """
    found = np.zeros(len(x))
    lengths = _series_lengths(shape, x, u)
    for length in np.unique(lengths[u > 0]):
        rows = np.flatnonzero((lengths == length) & (u > 0))
        method = _by_series if length <= _LONGEST_SERIES else _by_quadrature
        found[rows] = method(shape, x[rows], u[rows], int(length))
    return found


def _series_lengths(shape: tuple[float, float, float], x: Integers, u: Floats) -> Floats:
    """A power of two of terms that leaves less than 1e-16 of the sum; twice the longest series where that does not serve.

    The terms fall like z^n from the start where a <= 1; above, they peak like negative-binomial probabilities of size a - 1.
    """
    r, a, b = shape
    odds = np.expm1(u)
    peak = max(a - 1.0, 0.0) * odds
    needed = peak + 9.0 * np.sqrt(peak * (1.0 + odds)) + _DECAYED / np.log1p(1.0 / np.maximum(odds, 1e-300))
    d, c = a + b - 1.0 - r, a + b + x
    alternates = -d > np.maximum(c, _MILD_ALTERNATION)
    lengths = np.exp2(np.ceil(np.log2(np.clip(needed, _SHORTEST_SERIES, 2 * _LONGEST_SERIES))))
    return np.where(alternates, 2.0 * _LONGEST_SERIES, lengths)


def _by_series(shape: tuple[float, float, float], x: Integers, u: Floats, length: int) -> Floats:
    r, a, b = shape
    distinct, position = np.unique(x, return_inverse=True)
    n = np.arange(1, length + 1, dtype=np.float64)
    log_coefficients = np.concatenate(([0.0], np.cumsum(np.log((a + n[1:] - 2.0) / n[1:]))))
    ratios = (a + b - 2.0 - r + n[:-1]) / (a + b - 1.0 + distinct[:, None] + n[:-1])
    partial_sums = np.cumsum(np.cumprod(np.insert(ratios, 0, 1.0, axis=1), axis=1), axis=1)
    log_z = np.log(-np.expm1(-u))
    found = np.empty(len(x))
    for rows in _blocks(len(x), length):
        distinct_z, same_z = np.unique(log_z[rows], return_inverse=True)
        terms = np.exp(log_coefficients + distinct_z[:, None] * n)
        found[rows] = np.einsum("ij,ij->i", terms[same_z], partial_sums[position[rows]])
    return (r + x) * np.exp(-(a - 1.0) * u) * found


def _by_quadrature(shape: tuple[float, float, float], x: Integers, u: Floats, _length: int) -> Floats:
    """h(1) - int F(p) h'(p) dp by parts, F the distribution function of p: positive throughout, both tails fall at least like p."""
    r, a, b = shape
    k = r + x
    nodes, step = _logit_nodes(shape, x, float(np.max(np.log(k) + u)))
    p, rest = expit(nodes), expit(-nodes)
    distinct, position = np.unique(x, return_inverse=True)
    masses = betainc(a, b + distinct[:, None], p) * (rest / p * step)
    found = np.empty(len(x))
    for rows in _blocks(len(x), len(nodes)):
        reach = p * np.expm1(u[rows, None])
        decay = -k[rows, None] * np.log1p(reach)
        slopes = -np.expm1(decay) - k[rows, None] * np.exp(decay) * reach / (1.0 + reach)
        found[rows] = np.einsum("ij,ij->i", slopes, masses[position[rows]])
    return found - np.expm1(-k * u)


def _logit_nodes(shape: tuple[float, float, float], x: Integers, largest_exponent: float) -> tuple[Floats, float]:
    """Equidistant nodes in logit p over all that is not negligible, fine enough for the narrowest distribution of p."""
    _, a, b = shape
    narrowest = float(np.sqrt(1.0 / a + 1.0 / (b + x.max())))
    step = min(_WIDEST_NODE_STEP, narrowest / 2.0)
    centre = float(np.log(a / (b + x.max())))
    first = min(centre, -largest_exponent, 0.0) - _DECAYED
    return np.arange(first, _DECAYED, step), step


def _blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices of rows so that a table of rows by width stays in the processor's cache."""
    height = max(1, _CELLS_AT_ONCE // width)
    return (slice(start, min(start + height, rows)) for start in range(0, rows, height))
