"""Going back to days in the past: what was known then, what came next, and whether anything that was read knew of it."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import numpy as np
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.churn.evidence import load_evidence, load_person_periods
from analytics_svc.churn.features import FEATURES, Evidence, read_features
from analytics_svc.churn.learning import Origin
from analytics_svc.customers.cohorts import load_cohort
from analytics_svc.facts.models import Fact
from analytics_svc.scores.rules import Cohort, Floats

from .contestants import HALF_YEAR, Trial
from .rules import LeakingFeature, leaking_features

LOOKED_AT = 200


async def load_trial(session: AsyncSession, day: date, horizon_days: int, *, with_features: bool) -> Trial:
    """What was known at the end of a day in the past, and the purchase days of the horizon after it. Raises LeakingFeature.

    Without features there are purchases alone: no signals, and no origins to learn weights from.
    """
    cohort = await load_cohort(session, day)
    seen, origins = Evidence(cohort, {}, 1), list[Origin]()
    if with_features:
        await check_no_leak(session, cohort.contact_ids, day)
        seen, origins = await load_person_periods(session, cohort, day)
    so_far = cohort.repeat_days + 1.0
    later = await _purchase_days(session, cohort, day + timedelta(days=horizon_days))
    before = await _purchase_days(session, cohort, day - timedelta(days=HALF_YEAR))
    return Trial(
        day=day.toordinal(),
        seen=seen,
        origins=origins,
        purchases=np.maximum(later - so_far, 0.0),
        last_half_year=np.maximum(so_far - before, 0.0),
    )


async def check_no_leak(session: AsyncSession, contact_ids: Sequence[UUID], day: date) -> None:
    """Raises LeakingFeature where a feature of some of the customers changes once all that happened after the day is hidden.

    The later facts of two hundred of them are taken away in a savepoint that is rolled back.
    """
    some = sorted(contact_ids)[:: max(1, len(contact_ids) // LOOKED_AT)]
    visible = await _features(session, some, day)
    savepoint = await session.begin_nested()
    await session.execute(delete(Fact).where(Fact.contact_id.in_(some), Fact.occurred_on > day))
    hidden = await _features(session, some, day)
    await savepoint.rollback()
    leaking = leaking_features(visible, hidden, list(FEATURES))
    if leaking:
        raise LeakingFeature(f"What was seen on {day} knew what happened later: {', '.join(leaking)}")


async def _features(session: AsyncSession, contact_ids: Sequence[UUID], day: date) -> Floats:
    """The features of customers, in the order of their ids."""
    cohort = await load_cohort(session, day, contact_ids=contact_ids)
    found = read_features(await load_evidence(session, cohort, day))
    return found[np.argsort([contact_id.int for contact_id in cohort.contact_ids])]


async def _purchase_days(session: AsyncSession, cohort: Cohort, day: date) -> Floats:
    """The purchase days of each of the customers by the end of another day."""
    then = await load_cohort(session, day)
    days = dict(zip(then.contact_ids, (then.repeat_days + 1.0).tolist(), strict=True))
    return np.array([days.get(contact_id, 0.0) for contact_id in cohort.contact_ids])
