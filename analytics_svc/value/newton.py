"""Maximum of a smooth function of a few positive parameters: Newton steps in their logarithms, kept inside a box."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from analytics_svc.value.statistics import Floats

_LONGEST_STEP = 2.0
_ATTEMPTS = 30
_DECREMENT_REACHED = 1e-7
_AT_THE_BOUND = 1e-6

Derivatives = tuple[float, Floats, Floats]


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where the search ended: parameters, value and Hessian in the natural parameters, iterations, and whether it arrived."""

    parameters: Floats
    value: float
    hessian: Floats
    iterations: int
    converged: bool

    def standard_errors(self) -> Floats | None:
        """Square roots of the diagonal of the inverse observed information; None where it is not positive definite."""
        try:
            half_inverse = np.linalg.inv(np.linalg.cholesky(-self.hessian))
        except np.linalg.LinAlgError:
            return None
        errors: Floats = np.sqrt((half_inverse**2).sum(axis=0))
        return errors


def maximise(objective: Callable[[Floats], Derivatives], start: Floats, *, lower: Floats, upper: Floats, limit: int = 100) -> Maximum:
    """Climb from `start`; `objective` gives value, gradient and Hessian in the natural (positive) parameters.

    `lower` and `upper` bound the natural parameters, so that a likelihood without a finite maximum ends at a finite place.
    Directions of wrong curvature are climbed by the absolute curvature; a step is at most 2 in logarithms and is halved until
    the value rises. `converged` says that the Newton decrement of the free parameters fell below 1e-7.
    """
    low, high = np.log(lower), np.log(upper)
    place = np.clip(np.log(start), low, high)
    value, gradient, hessian = objective(np.exp(place))
    for iteration in range(1, limit + 1):
        step, decrement = _step(place, gradient, hessian, low=low, high=high)
        arrived = decrement < _DECREMENT_REACHED
        attempts = 1 if arrived else _ATTEMPTS
        found = _climb(objective, (place + step * 0.5**halving for halving in range(attempts)), value=value, low=low, high=high)
        if found is not None:
            place, (value, gradient, hessian) = found
        if arrived or found is None:
            return Maximum(np.exp(place), value, hessian, iteration, converged=arrived)
    return Maximum(np.exp(place), value, hessian, limit, converged=False)


def _step(place: Floats, gradient: Floats, hessian: Floats, *, low: Floats, high: Floats) -> tuple[Floats, float]:
    """The Newton step in logarithms of the parameters that are free to move, and its decrement."""
    natural = np.exp(place)
    slope = natural * gradient
    curvature = natural[:, None] * hessian * natural + np.diag(slope)
    free = ~(((place <= low + _AT_THE_BOUND) & (slope < 0)) | ((place >= high - _AT_THE_BOUND) & (slope > 0)))
    step = np.zeros_like(place)
    if not free.any():
        return step, 0.0
    values, vectors = np.linalg.eigh(-curvature[np.ix_(free, free)])
    size = np.maximum(np.abs(values), 1e-10 * max(1.0, float(np.abs(values).max())))
    along = vectors.T @ slope[free]
    step[free] = vectors @ (along / size)
    decrement = float((along**2 / size).sum()) / 2
    return step * min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300)), decrement


def _climb(
    objective: Callable[[Floats], Derivatives], candidates: Iterable[Floats], *, value: float, low: Floats, high: Floats
) -> tuple[Floats, Derivatives] | None:
    """The first candidate, moved into the box, that is not lower than `value`; None where there is none."""
    for candidate in candidates:
        inside = np.clip(candidate, low, high)
        found = objective(np.exp(inside))
        if found[0] >= value:
            return inside, found
    return None
