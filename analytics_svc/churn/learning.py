"""Learning churn from a tenant's own history: the closed form, and weights on earlier origins where there are enough of them.

A person-period regression: at each origin (a day every four weeks) the features are read as they were, MBG/NBD is fitted to what
had happened, and the outcomes are whether the customer bought within the next 4, 8 and 12 weeks. The prior says: the closed form
is right. What the windows show of longer horizons is the weight of ln h.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics_svc.scores.rules import Floats
from analytics_svc.value import mbg_nbd
from analytics_svc.value.bg_nbd import BgNbdFit
from analytics_svc.value.statistics import DAYS_PER_WEEK, NotEnoughHistory

from .features import FEATURES, Evidence, read_features
from .logistic import fit_logistic, log_likelihood
from .scorer import MIDDLE_WEEKS, ChurnModel, log_odds_of_distinct, means_of

GRID_DAYS = 28
WINDOWS = (28, 56, 84)
FEWEST_CUSTOMERS = 200
FEWEST_ORIGINS = 3
FIRST_ORIGIN_DAYS = 56
MOST_ROWS = 300_000
FEWEST_AT_ORIGIN = 20
UNSURE = 1e-6


@dataclass(frozen=True, slots=True)
class Origin:
    """A day in the past, as it looked then, and who bought within each window (days) of those that have ended since."""

    day: int
    seen: Evidence
    bought: Mapping[int, Floats]


@dataclass(frozen=True, slots=True)
class Learnt:
    """A churn model with the fit of its closed form; `family` says whether there was enough for weights."""

    model: ChurnModel
    family: str
    closed_form: BgNbdFit
    log_likelihood: float


@dataclass(frozen=True, slots=True)
class _Rows:
    """The person-periods of one origin and window: from which day, for how long, what was seen, and whether the customer bought."""

    day: int
    window: int
    design: Floats
    bought: Floats


def learn(now: Evidence, origins: Sequence[Origin]) -> Learnt:
    """The churn model of the customers seen `now`, with the weights that the `origins` before teach.

    Fewer than 200 customers or three origins: the closed form alone. Raises NotEnoughHistory where that cannot be fitted either.
    """
    closed = mbg_nbd.fit(now.cohort.histories()[0])
    rows = _person_periods(origins) if len(now) >= FEWEST_CUSTOMERS else []
    if len({each.day for each in rows}) < FEWEST_ORIGINS or not _have_both_outcomes(rows):
        alone = ChurnModel(closed.parameters, 0.0, 1.0, 0.0, {}, means_of(now, []))
        return Learnt(alone, "mbg_nbd", closed, closed.log_likelihood)
    weights = _calibrated(rows, _fit(rows))
    model = ChurnModel(
        closed_form=closed.parameters,
        intercept=float(weights[0]),
        closed_form_weight=float(weights[1]),
        horizon_weight=float(weights[2]),
        weights=dict(zip(FEATURES, weights[3:].tolist(), strict=True)),
        means=means_of(now, list(FEATURES)),
    )
    return Learnt(model, "mbg_nbd_logit", closed, sum(log_likelihood(_log_odds(each, weights), each.bought) for each in rows))


def _person_periods(origins: Sequence[Origin]) -> list[_Rows]:
    windows = sum(len(origin.bought) for origin in origins)
    found = []
    for origin in origins:
        every = max(1, -(-len(origin.seen) * windows // MOST_ROWS))
        try:
            closed = mbg_nbd.fit(origin.seen.cohort.histories()[0], fewest_customers=FEWEST_AT_ORIGIN)
        except NotEnoughHistory:
            continue
        seen = origin.seen.part(slice(None, None, every))
        features = read_features(seen)
        for window, bought in origin.bought.items():
            weeks = window / DAYS_PER_WEEK
            log_odds = log_odds_of_distinct(closed.parameters, seen, weeks)
            length = np.full(len(seen), np.log(weeks / MIDDLE_WEEKS))
            found.append(_Rows(origin.day, window, np.column_stack([log_odds, length, features]), bought[::every]))
    return found


def _fit(rows: Sequence[_Rows]) -> Floats:
    """Intercept and weights: ridge regression on standardised columns around the closed form as it is."""
    design, bought = np.concatenate([each.design for each in rows]), np.concatenate([each.bought for each in rows])
    middle, spread = design.mean(axis=0), design.std(axis=0)
    spread[spread < UNSURE] = 1.0
    prior = np.zeros(design.shape[1] + 1)
    prior[0], prior[1] = middle[0], spread[0]
    precision = np.ones(len(prior))
    precision[0] = UNSURE
    found = fit_logistic((design - middle) / spread, bought, prior=prior, precision=precision)
    weights = found[1:] / spread
    return np.concatenate(([found[0] - weights @ middle], weights))


def _calibrated(rows: Sequence[_Rows], weights: Floats) -> Floats:
    """Platt's slope and intercept of the latest origin, taken up only where those of the origin before improved the latest.

    Buying has seasons: the intercept of one origin has the wrong sign at the next about as often as not (CDNOW: -.23 to +.18), so a
    calibration that did not carry over to the next origin is not carried over to the future.
    """
    longest = max(WINDOWS)
    days = sorted({each.day for each in rows if each.window == longest})
    latest = days[-1] if days else None
    former = max((day for day in days if latest is not None and day <= latest - longest), default=None)
    found = [_platt(rows, day) for day in (former, latest) if day is not None]
    if len(found) < 2 or found[0] is None or found[1] is None:
        return weights
    (before, _, _), (calibration, log_odds, bought) = found[0], found[1]
    if log_likelihood(before[0] + before[1] * log_odds, bought) <= log_likelihood(log_odds, bought):
        return weights
    changed: Floats = calibration[1] * weights
    changed[0] += calibration[0]
    return changed


def _platt(rows: Sequence[_Rows], day: int) -> tuple[Floats, Floats, Floats] | None:
    """Intercept and slope at an origin for weights learnt before it, with the log-odds and outcomes; None where none were learnt."""
    earlier = [each for each in rows if each.day + each.window <= day]
    later = [each for each in rows if each.day == day]
    if len({each.day for each in earlier}) < 2 or not _have_both_outcomes(earlier):
        return None
    weights = _fit(earlier)
    log_odds = np.concatenate([_log_odds(each, weights) for each in later])
    bought = np.concatenate([each.bought for each in later])
    return fit_logistic(log_odds[:, None], bought, prior=np.array([0.0, 1.0]), precision=np.ones(2)), log_odds, bought


def _log_odds(rows: _Rows, weights: Floats) -> Floats:
    found: Floats = weights[0] + rows.design @ weights[1:]
    return found


def _have_both_outcomes(rows: Sequence[_Rows]) -> bool:
    return any((each.bought > 0).any() for each in rows) and any((each.bought < 1).any() for each in rows)
