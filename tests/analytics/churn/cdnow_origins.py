"""The CDNOW logs as the churn model sees them: the evidence at a day, and the origins before it."""

from uuid import UUID

import numpy as np

from analytics_svc.churn.features import Evidence
from analytics_svc.churn.learning import FIRST_ORIGIN_DAYS, GRID_DAYS, WINDOWS, Origin
from analytics_svc.churn.signals import SIGNALS
from analytics_svc.scores.rules import Cohort, Floats
from tests.analytics.value.cdnow_log import PurchaseDays


def evidence(log: PurchaseDays, day: int) -> Evidence:
    """What was known at the end of a day (an ordinal)."""
    seen = log.day <= day
    customer, on, amount = log.customer[seen], log.day[seen], np.rint(log.amount[seen] * 100).astype(np.int64)
    ids, first, count = np.unique(customer, return_index=True, return_counts=True)
    last = first + count - 1
    revenue, nothing = np.add.reduceat(amount, first), np.zeros(len(ids), dtype=np.int64)
    days = (count - 1, on[last] - on[first], day - on[first])
    money = (count - 1, revenue - amount[first], revenue, nothing, nothing, amount[last])
    return Evidence(Cohort([UUID(int=int(i)) for i in ids], *days, *money), dict.fromkeys(SIGNALS, nothing), 100)


def bought_within(log: PurchaseDays, seen: Evidence, day: int, *, days: int) -> Floats:
    """How many purchase days each customer of `seen` had in the `days` after a day."""
    ids = np.array([contact_id.int for contact_id in seen.cohort.contact_ids])
    later = log.customer[(log.day > day) & (log.day <= day + days)]
    place = np.searchsorted(ids, later)
    known = (place < len(ids)) & (ids[np.minimum(place, len(ids) - 1)] == later)
    return np.bincount(place[known], minlength=len(ids)).astype(np.float64)


def origins(log: PurchaseDays, end: int) -> list[Origin]:
    """The origins every four weeks before `end`."""
    found = []
    for day in range(end - GRID_DAYS, int(log.day.min()) + FIRST_ORIGIN_DAYS - 1, -GRID_DAYS):
        seen = evidence(log, day)
        ended = [window for window in WINDOWS if day + window <= end]
        found.append(Origin(day, seen, {w: (bought_within(log, seen, day, days=w) > 0).astype(np.float64) for w in ended}))
    return found
