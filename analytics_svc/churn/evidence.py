"""Loading what was known of customers: as of a day, and at the days every four weeks before it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.customers.cohorts import load_cohort
from analytics_svc.scores.rules import Cohort
from services.money import digits_of
from services.tenants import get_tenant

from .features import Evidence
from .learning import FIRST_ORIGIN_DAYS, GRID_DAYS, WINDOWS, Origin
from .signals import count_signals

MOST_ORIGINS = 13
MOST_CUSTOMERS = 25_000

Gaps = Mapping[UUID, int]


async def load_evidence(session: AsyncSession, cohort: Cohort, as_of: date, *, known_at: datetime | None = None) -> Evidence:
    """What was known at the end of `as_of` of the customers of a cohort of that day."""
    signals = await count_signals(session, cohort.contact_ids, as_of, known_at=known_at)
    return Evidence(cohort, signals, 10 ** digits_of((await get_tenant(session)).currency))


async def load_person_periods(
    session: AsyncSession, cohort: Cohort, until: date, *, known_at: datetime | None = None
) -> tuple[Evidence, list[Origin]]:
    """The evidence of all customers of `cohort` (of the day `until`), and up to 13 origins before it, none in the first eight weeks.

    Of more than 25,000 customers the origins hold an even sample: more would not move the weights.
    """
    seen = await load_evidence(session, cohort, until, known_at=known_at)
    sample = sorted(cohort.contact_ids)[:: max(1, -(-len(cohort) // MOST_CUSTOMERS))]
    later: list[Gaps] = [_gaps(cohort)]
    origins: list[Origin] = []
    days_of_history = int(cohort.age_days.max(initial=0)) - FIRST_ORIGIN_DAYS
    for step in range(1, min(MOST_ORIGINS, days_of_history // GRID_DAYS) + 1):
        day = until - timedelta(days=step * GRID_DAYS)
        origin = await load_cohort(session, day, known_at=known_at, contact_ids=sample)
        if not len(origin):
            break
        then = await load_evidence(session, origin, day, known_at=known_at)
        bought = {window: _bought(origin.contact_ids, later[-window // GRID_DAYS], window) for window in WINDOWS[:step]}
        origins.append(Origin(day.toordinal(), then, bought))
        later = [*later, _gaps(origin)][-len(WINDOWS) :]
    return seen, origins


def _gaps(cohort: Cohort) -> Gaps:
    """The days since each customer's last purchase."""
    return dict(zip(cohort.contact_ids, (cohort.age_days - cohort.recency_days).tolist(), strict=True))


def _bought(contact_ids: Sequence[UUID], gaps: Gaps, window: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """1 for each who bought in the window of days that ended when the gaps were taken; one whose orders are all undone did not."""
    return np.array([gaps.get(contact_id, window) < window for contact_id in contact_ids], dtype=np.float64)
