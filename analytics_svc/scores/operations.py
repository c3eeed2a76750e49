"""Scoring customers: those whose statistics changed at once, all of them when the day or the models change."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, delete, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.churn.evidence import load_evidence
from analytics_svc.churn.reasons import brief, reasons_of
from analytics_svc.churn.scorer import explain
from analytics_svc.customers.cohorts import load_live_cohort
from analytics_svc.customers.models import CustomerStats
from services.database import Context, bind_tenant, context_of
from services.encoding import encode
from services.jobs import Work
from services.tenants import Tenant
from services.timers import arm

from .models import Score, ScoreRequest
from .rules import Cohort, margin_rates, margins_to_date, rounded, value_customers
from .runs import Run, open_run
from .telling import tell_scores
from .tiers import place_among_tiers, settle_tiers
from .upserts import write_scores

AT_ONCE = 2_000
MOST_REASONS = 3
REQUEST = text("""
INSERT INTO score_request (tenant_id, contact_id) SELECT :tenant_id, unnest(string_to_array(:contact_ids, ',')::uuid[])
""").bindparams(bindparam("tenant_id", type_=Uuid), bindparam("contact_ids", type_=Text))


async def ask_for_scores(session: AsyncSession, contact_ids: str) -> None:
    """Have customers (ids between commas) scored soon because their statistics changed; part of the running transaction."""
    await session.execute(REQUEST, {"tenant_id": context_of(session).tenant_id, "contact_ids": contact_ids})
    await arm(session, "score_touched", "touched")


async def ask_for_all_scores(session: AsyncSession) -> None:
    """Have every customer scored whose score is of another day or by another model."""
    await arm(session, "score_all", "all")


async def sweep(session: AsyncSession, work: Work) -> dict[str, Any]:
    """The hourly schedule: ask for the scores of every tenant. Values move with the day, in each tenant's zone."""
    tenant_ids = list(await session.scalars(select(Tenant.id).order_by(Tenant.id)))
    for tenant_id in tenant_ids:
        await bind_tenant(session, Context(tenant_id, "system:analytics_svc", str(work.id)))
        await ask_for_all_scores(session)
    return {"tenants": len(tenant_ids)}


async def score_touched(session: AsyncSession, _work: Work) -> dict[str, Any]:
    """The job that scores the customers whose statistics changed since it last ran."""
    run = await open_run(session)
    if run is None:
        return {"scored": 0, "told": 0}
    contact_ids = sorted(set(await session.scalars(delete(ScoreRequest).returning(ScoreRequest.contact_id))))
    gone = await _score(session, run, contact_ids)
    moved = await place_among_tiers(session, contact_ids)
    return {"scored": len(contact_ids), "told": await tell_scores(session, run, sorted({*contact_ids, *moved}), gone=gone)}


async def score_all(session: AsyncSession, work: Work) -> dict[str, Any]:
    """The job that scores every customer who has no score, or one of another day or by another model, and settles all tiers."""
    run = await open_run(session)
    if run is None:
        return {"scored": 0, "told": 0}
    outdated = or_(
        Score.contact_id.is_(None),
        Score.as_of != run.today,
        Score.value_model_id.is_distinct_from(run.value_model_id),
        Score.spend_model_id.is_distinct_from(run.spend_model_id),
        Score.churn_model_id.is_distinct_from(run.churn_model_id),
    )
    statement = (
        select(CustomerStats.contact_id)
        .outerjoin(Score, (Score.tenant_id == CustomerStats.tenant_id) & (Score.contact_id == CustomerStats.contact_id))
        .where(CustomerStats.purchase_days > 0, outdated)
        .order_by(CustomerStats.contact_id)
    )
    contact_ids = list(await session.scalars(statement))
    gone = await _score(session, run, contact_ids, work=work)
    moved = await settle_tiers(session)
    told = await tell_scores(session, run, sorted({*contact_ids, *moved}), gone=gone)
    return {"scored": len(contact_ids), "told": told}


async def _score(session: AsyncSession, run: Run, contact_ids: Sequence[UUID], *, work: Work | None = None) -> list[UUID]:
    """Write the scores of customers; answers those of them whose purchases are all undone, who have none any more."""
    gone: list[UUID] = []
    for start in range(0, len(contact_ids), AT_ONCE):
        part = contact_ids[start : start + AT_ONCE]
        cohort = await load_live_cohort(session, part, as_of=run.today)
        gone += sorted(set(part).difference(cohort.contact_ids))
        await write_scores(session, run, await _computed(session, run, cohort))
        if work is not None:
            done = start + len(part)
            await work.report(10_000 * done // len(contact_ids), {"read": len(contact_ids), "accepted": done})
    await session.execute(delete(Score).where(Score.contact_id == any_(literal(gone, ARRAY(Uuid)))))
    return gone


async def _computed(session: AsyncSession, run: Run, cohort: Cohort) -> dict[str, list[Any]]:
    """The columns of scores that are worked out, an entry for each customer; None where there is no model yet."""
    values = value_customers(cohort, run.valuer) if run.valuer is not None else None
    rates = margin_rates(cohort, None) if values is None else values.margin_rate
    nothing = [None] * len(cohort)
    found: dict[str, list[Any]] = {
        "contact_id": list(cohort.contact_ids),
        "margin_to_date_minor": rounded(margins_to_date(cohort, rates)).tolist(),
        "lifetime_value_minor": nothing if values is None else rounded(values.lifetime_value_minor).tolist(),
        "expected_spend_minor": nothing if values is None else rounded(values.expected_spend_minor).tolist(),
        **{name: nothing if values is None else getattr(values, name).tolist() for name in ("expected_purchases", "p_alive", "p_buys")},
    }
    if run.churn is None or not len(cohort):
        return found | {"churn_bps": nothing, "value_at_risk_minor": nothing, "reasons": ["[]"] * len(cohort)}
    seen = await load_evidence(session, cohort, run.today)
    leaving = explain(run.churn, seen)
    at_risk = None if values is None else rounded(np.maximum(values.lifetime_value_minor, 0.0) * leaving.probability).tolist()
    return found | {
        "churn_bps": np.rint(leaving.probability * 10_000).astype(np.int64).tolist(),
        "value_at_risk_minor": nothing if at_risk is None else at_risk,
        "reasons": [encode(list(map(brief, reasons))).decode() for reasons in reasons_of(leaving, seen, most=MOST_REASONS)],
    }
