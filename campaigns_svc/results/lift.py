"""Lift: the difference between those who were treated and those who were left alone, with its confidence interval.

Welch's interval for a difference of two means of unequal variance: d ± t(1 − α/2; ν) · √(s₁²/n₁ + s₂²/n₂), ν after Welch and
Satterthwaite (B. L. Welch, Biometrika 34, 1947). A share is the mean of zeros and ones. Valid for two or more in each arm; there is no
interval otherwise.
"""

from dataclasses import dataclass
from math import sqrt

from scipy.special import stdtrit

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Sample:
    """An arm as its sums: how many contacts, the sum of their values, and the sum of the squares."""

    size: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.size if self.size else 0.0

    @property
    def variance(self) -> float:
        """The unbiased variance of one value; 0 for fewer than two."""
        return max(0.0, (self.squares - self.total * self.mean) / (self.size - 1)) if self.size > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Lift:
    """How much the treated are above the others, and between which bounds; bounds are None where an arm is too small for them."""

    treated: float
    control: float
    difference: float
    low: float | None
    high: float | None


def lift(treated: Sample, control: Sample, *, confidence: float = CONFIDENCE) -> Lift:
    """The difference of two means with its interval."""
    difference = treated.mean - control.mean
    margin = _margin(treated, control, confidence)
    low, high = (None, None) if margin is None else (difference - margin, difference + margin)
    return Lift(treated.mean, control.mean, difference, low, high)


def _margin(treated: Sample, control: Sample, confidence: float) -> float | None:
    if min(treated.size, control.size) < 2:
        return None
    parts = [(arm.variance / arm.size, arm.size - 1) for arm in (treated, control)]
    spread = sum(part for part, _ in parts)
    if spread == 0:
        return 0.0
    freedom = spread**2 / sum(part**2 / less_one for part, less_one in parts)
    return float(stdtrit(freedom, (1 + confidence) / 2)) * sqrt(spread)
