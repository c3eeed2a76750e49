"""What the churn model sees of a customer beside the closed form: each feature with the reason that it belongs to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from analytics_svc.scores.rules import Cohort, Floats, Integers
from analytics_svc.value.statistics import DAYS_PER_WEEK

EASE_WEEKS = 4.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known of the customers of `cohort` at the end of a day; `signals` holds a count per customer under each name."""

    cohort: Cohort
    signals: Mapping[str, Integers]
    minor_per_major: int

    def __len__(self) -> int:
        return len(self.cohort)

    @property
    def x(self) -> Floats:
        """Repeat purchase days."""
        return self.cohort.repeat_days.astype(np.float64)

    @property
    def t_x(self) -> Floats:
        """Weeks from the first to the last purchase."""
        return self.cohort.recency_days / DAYS_PER_WEEK

    @property
    def age(self) -> Floats:
        """Weeks from the first purchase to the day (the papers' T)."""
        return self.cohort.age_days / DAYS_PER_WEEK

    @property
    def gap(self) -> Floats:
        """Weeks since the last purchase."""
        return self.age - self.t_x

    @property
    def rhythm(self) -> Floats:
        """Mean weeks between purchases; 0 for who bought on one day only."""
        return self.t_x / np.maximum(self.x, 1.0)

    @property
    def mean_spend(self) -> Floats:
        """Mean spend of all purchase days, in major units."""
        return self.cohort.revenue_minor / (self.x + 1.0) / self.minor_per_major

    @property
    def last_spend(self) -> Floats:
        """Spend of the last purchase day, in major units."""
        return self.cohort.last_spend_minor / self.minor_per_major

    def part(self, rows: slice) -> "Evidence":
        """The evidence of some of the customers."""
        columns = [getattr(self.cohort, name)[rows] for name in Cohort.__dataclass_fields__]
        return Evidence(Cohort(*columns), {name: seen[rows] for name, seen in self.signals.items()}, self.minor_per_major)


@dataclass(frozen=True, slots=True)
class Feature:
    """A number per customer that adds to the log-odds in proportion, and the reason under which it is explained."""

    reason: str
    read: Callable[[Evidence], Floats]


def _against_rhythm(seen: Evidence) -> Floats:
    return np.where(seen.x > 0, np.log((seen.gap + EASE_WEEKS) / (seen.rhythm + EASE_WEEKS)), 0.0)


def _spend_trend(seen: Evidence) -> Floats:
    known = (seen.x > 0) & (seen.last_spend > 0) & (seen.mean_spend > 0)
    return np.where(known, np.log((np.maximum(seen.last_spend, 0.0) + 1.0) / (np.maximum(seen.mean_spend, 0.0) + 1.0)), 0.0)


def _counted(name: str) -> Callable[[Evidence], Floats]:
    return lambda seen: np.log1p(seen.signals[name].astype(np.float64))


FEATURES: Mapping[str, Feature] = {
    "recency": Feature("last_order", lambda seen: np.log(seen.gap + EASE_WEEKS)),
    "against_rhythm": Feature("last_order", _against_rhythm),
    "frequency": Feature("frequency", lambda seen: np.log1p(seen.x)),
    "tenure": Feature("tenure", lambda seen: np.log(seen.age + EASE_WEEKS)),
    "spend": Feature("spend", lambda seen: np.log1p(np.maximum(seen.mean_spend, 0.0))),
    "spend_trend": Feature("spend_trend", _spend_trend),
    **{
        name: Feature(name, _counted(name))
        for name in ("tickets_open", "tickets_past", "complaints", "sends", "clicks", "activities")
    },
}  # fmt: skip


def read_features(seen: Evidence, names: list[str] | None = None) -> Floats:
    """The features of customers, a row each, in the order of `names` (default: all, in the order of FEATURES)."""
    chosen = list(FEATURES) if names is None else names
    return np.column_stack([FEATURES[name].read(seen) for name in chosen]) if chosen else np.zeros((len(seen), 0))
