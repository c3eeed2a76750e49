"""Sufficient statistics of purchase histories, kept once per distinct history with a count; the only input of the value models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

DAYS_PER_WEEK = 7.0
_KEY_LIMIT = 2**63 - 1

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class NotEnoughHistory(ValueError):
    """The purchase histories cannot identify a model: too few customers, no repeat buyer, or all of them alike."""


@dataclass(frozen=True, slots=True)
class Histories:
    """Distinct purchase histories, one row each (Fader, Hardie, Lee 2005); four arrays of one length.

    `x` repeat purchase days, `t_x` weeks from the first to the last purchase, `T` weeks from the first purchase to the end
    of observation, `weight` how many customers share the row. Build it with `collapse` (days) or `histories_in_weeks`.
    """

    x: Integers
    t_x: Floats
    T: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.x)

    @property
    def customers(self) -> float:
        """The number of customers: the sum of the weights."""
        return float(self.weight.sum())


def histories_in_weeks(x: ArrayLike, t_x: ArrayLike, age: ArrayLike, *, weight: ArrayLike = 1.0) -> Histories:
    """Histories as they are given, row for row: `x` a count, `t_x` and `age` (the papers' T) in weeks; scalars are broadcast.

    Raises ValueError where a history is impossible (see `collapse`).
    """
    counts = whole_numbers("x", x)
    floats = (np.asarray(values, dtype=np.float64) for values in (t_x, age, weight))
    x_rows, *rows = (np.atleast_1d(row).ravel() for row in np.broadcast_arrays(counts, *floats))
    found = Histories(x_rows.astype(np.int64), *rows)
    _check_possible(found.x, found.t_x, found.T)
    check_weights(found.weight)
    return found


def collapse(x: ArrayLike, t_x: ArrayLike, age: ArrayLike, *, weight: ArrayLike | None = None) -> tuple[Histories, Integers]:
    """The distinct histories of customers, and for each customer the row of its history.

    `x` is the number of repeat purchase days, `t_x` the days from the first to the last purchase, `age` (the papers' T) the
    days from the first purchase to the end of observation: whole numbers, one per customer. `weight` counts customers that
    are already grouped, or carries bootstrap weights. Rows are ordered by x, T, t_x; customers with x = 0 become a count per
    T. Raises ValueError for an impossible history: x < 0, t_x outside 0..T, or t_x = 0 with x > 0 (and the reverse).
    """
    counts, last, end = (whole_numbers(name, a) for name, a in (("x", x), ("t_x", t_x), ("age", age)))
    if not counts.shape == last.shape == end.shape or counts.ndim != 1:
        raise ValueError("x, t_x and age are three lists of one length")
    weights = np.ones(len(counts)) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape != counts.shape:
        raise ValueError("weight has one number per history")
    _check_possible(counts, last, end)
    check_weights(weights)
    order, starts, inverse = _groups(_keys(counts, last, end))
    chosen = order[starts]
    total = _run_lengths(starts, len(order)) if weight is None else np.bincount(inverse, weights).astype(np.float64)
    found = Histories(counts[chosen], last[chosen] / DAYS_PER_WEEK, end[chosen] / DAYS_PER_WEEK, total)
    return found, inverse


def whole_numbers(name: str, values: ArrayLike) -> Integers:
    """The values as integers; raises ValueError, naming them, where one is not whole."""
    given = np.asarray(values)
    if given.dtype.kind in "iu" or given.size == 0:
        return given.astype(np.int64, copy=False)
    as_floats = given.astype(np.float64, copy=False)
    if not np.isfinite(as_floats).all() or (as_floats != np.floor(as_floats)).any():
        raise ValueError(f"{name} must be whole numbers")
    return as_floats.astype(np.int64)


def check_weights(weight: Floats) -> None:
    """Raises ValueError for a weight that is negative or not finite."""
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise ValueError("a weight is a finite number, zero or more")


def run_starts(*columns: NDArray[np.float64 | np.int64]) -> Integers:
    """Where a row differs from the row before it in any of the columns (of one length): the first row always."""
    differs = np.ones(len(columns[0]), dtype=bool)
    differs[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(differs)


def _keys(x: Integers, t_x: Integers, age: Integers) -> Integers:
    """One number per history that orders by x, T, t_x."""
    if len(x) == 0:
        return x
    radix = int(age.max()) + 1
    if (int(x.max()) + 1) * radix * radix > _KEY_LIMIT:
        raise ValueError("x and T are too large to be days of purchase histories")
    return (x * radix + age) * radix + t_x


def _groups(keys: Integers) -> tuple[Integers, Integers, Integers]:
    """The sorting order, where each group of equal keys starts in it, and the group of every key."""
    order = np.argsort(keys)
    ordered = keys[order]
    starts = run_starts(ordered)
    inverse = np.empty(len(keys), dtype=np.int64)
    inverse[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(keys)))
    return order, starts, inverse


def _run_lengths(starts: Integers, total: int) -> Floats:
    return np.diff(starts, append=total).astype(np.float64)


def _check_possible(x: Integers, t_x: NDArray[np.float64 | np.int64], age: NDArray[np.float64 | np.int64]) -> None:
    if (x < 0).any():
        raise ValueError("x, the number of repeat purchase days, is never negative")
    if not ((t_x >= 0) & (t_x <= age) & (age < np.inf)).all():
        raise ValueError("the last purchase (t_x) lies between the first (0) and the end of observation (T)")
    if ((x == 0) != (t_x == 0)).any():
        raise ValueError("t_x is zero for customers without a repeat purchase, and for no one else")
