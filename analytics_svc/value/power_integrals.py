"""Integrals of two powers over a stretch of time, to a relative error of about 1e-12 for exponents from 0 to thousands.

What Pareto/NBD needs of the time after a purchase is, with the time y from `start` to `start + length`,

    int ((alpha + y) / (alpha + start))^-m  ((beta + y) / (beta + start))^-n  dy.

As a difference of hypergeometric functions it loses every digit for large m. Here it is a sum of positive terms: Gauss-Legendre nodes in
u = ln((c + y) / (c + start)), c the smaller of alpha and beta, in which the integrand is analytic for |Im u| < pi, close to an
exponential, and falls ever faster. It is cut where it has fallen by e^-36; how many nodes a row needs depends on how far it falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from analytics_svc.value.statistics import Floats, Integers

_FALLEN = 36.0
_STEPS_TO_CUT = 8
# How many nodes keep 1e-12: up to which fall (in logarithms of the integrand) and which length in u.
_NODES = ((4, 0.4, 0.3), (6, 1.8, 1.0), (8, 4.0, 2.0), (12, 10.0, 3.5), (16, 18.0, 6.0), (24, np.inf, np.inf))
# Blocks stay in the processor's cache, and below the size at which OpenBLAS wakes threads that cost more than they bring.
_CELLS_AT_ONCE = 1 << 13


class Stretch(NamedTuple):
    """The integrals asked for, one per row; `m` and `n` are the exponents of the powers with alpha and beta, `length` > 0."""

    m: Floats
    n: Floats
    start: Floats
    length: Floats


class Block(NamedTuple):
    """Some of the rows at their nodes: tables of rows by nodes, `rows` says which they are.

    `growth_alpha` is (alpha + y) / (alpha + start), `log_alpha` its logarithm, for beta likewise; `terms` add up to the integral.
    """

    rows: Integers
    growth_alpha: Floats
    log_alpha: Floats
    growth_beta: Floats
    log_beta: Floats
    terms: Floats


def integrals(alpha: float, beta: float, wanted: Stretch) -> Floats:
    """The integral of each row, in the unit of time."""
    found = np.empty(len(wanted.start))
    for block in blocks(alpha, beta, wanted):
        found[block.rows] = block.terms.sum(axis=1)
    return found


def blocks(alpha: float, beta: float, wanted: Stretch) -> Iterator[Block]:
    """All rows at their nodes, in blocks that stay in the processor's cache; every row is in one of them."""
    low, high = min(alpha, beta), max(alpha, beta)
    steep, other = (wanted.m, wanted.n) if alpha <= beta else (wanted.n, wanted.m)
    steep = steep - 1.0
    share = (low + wanted.start) / (high + wanted.start)
    reach, fall = _reach(steep, other, share, np.log1p(wanted.length / (low + wanted.start)))
    for count, rows in _by_nodes_needed(reach, fall):
        places, weights = _nodes(count)
        height = max(1, _CELLS_AT_ONCE // count)
        for first in range(0, len(rows), height):
            part = rows[first : first + height]
            log_low = reach[part, None] * places
            low_growth = np.exp(log_low)
            high_growth = 1.0 + share[part, None] * (low_growth - 1.0)
            log_high = np.log(high_growth)
            terms = np.exp(-steep[part, None] * log_low - other[part, None] * log_high)
            terms *= ((low + wanted.start[part]) * reach[part])[:, None] * weights
            if alpha <= beta:
                yield Block(part, low_growth, log_low, high_growth, log_high, terms)
            else:
                yield Block(part, high_growth, log_high, low_growth, log_low, terms)


def _reach(steep: Floats, other: Floats, share: Floats, end: Floats) -> tuple[Floats, Floats]:
    """How far in u each row is integrated, and by how much the logarithm of the integrand falls on the way.

    The fall is convex in u, so Newton's steps from the far end come down to the cut and never pass it.
    """
    growth = share * np.expm1(end)
    fall = steep * end + other * np.log1p(growth)
    far = np.flatnonzero(fall > _FALLEN)
    reach = end.copy()
    u, steep, other, share = end[far], steep[far], other[far], share[far]
    for _ in range(_STEPS_TO_CUT):
        growth = share * np.expm1(u)
        beyond = steep * u + other * np.log1p(growth) - _FALLEN
        u = u - beyond / (steep + other * (growth + share) / (1.0 + growth))
    reach[far] = u
    return reach, fall


def _by_nodes_needed(reach: Floats, fall: Floats) -> Iterator[tuple[int, Integers]]:
    left = np.ones(len(reach), dtype=bool)
    for count, most_fall, most_reach in _NODES:
        served = left & (np.abs(fall) <= most_fall) & (reach <= most_reach)
        left &= ~served
        rows = np.flatnonzero(served)
        if len(rows):
            yield count, rows


@cache
def _nodes(count: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on the interval from 0 to 1."""
    places, weights = np.polynomial.legendre.leggauss(count)
    return (places + 1.0) / 2.0, weights / 2.0
