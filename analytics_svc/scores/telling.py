"""Telling the bus of scores that have moved, and only of those."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.churn.scorer import HORIZON_DAYS as CHURN_HORIZON_DAYS
from services.events.analytics import CustomerScored, ScoreState
from services.outbox import record_many

from .models import PublishedScore, Score
from .rules import DISCOUNT_BPS, HORIZON_DAYS, Telling, has_moved
from .runs import Run
from .upserts import write_told

AT_ONCE = 2_000
UNDONE: Mapping[str, Any] = {
    "lifetime_value_minor": 0,
    "expected_purchases_milli": 0,
    "p_alive_bps": 0,
    "p_buys_bps": 0,
    "revenue_to_date_minor": 0,
    "margin_to_date_minor": 0,
}


async def tell_scores(session: AsyncSession, run: Run, contact_ids: Sequence[UUID], *, gone: Sequence[UUID]) -> int:
    """Record customer.scored for each of `contact_ids` whose score moved or is new (see `has_moved`), and for those `gone` (all
    purchases undone) of whom something else was told before; answers how many. Nothing is told before there is a value.
    """
    if run.valuer is None:
        return 0
    told = 0
    for start in range(0, len(contact_ids), AT_ONCE):
        told += await _tell(session, run, contact_ids[start : start + AT_ONCE], set(gone))
    return told


async def _tell(session: AsyncSession, run: Run, contact_ids: Sequence[UUID], gone: set[UUID]) -> int:
    before = await _told(session, contact_ids)
    moved = {
        contact_id: dict(UNDONE) for contact_id in contact_ids if contact_id in gone and before.get(contact_id, Telling(0)) != Telling(0)
    }
    known = await session.scalars(select(Score).where(Score.contact_id == any_(literal(list(contact_ids), ARRAY(Uuid)))))
    moved |= {score.contact_id: _state(score) for score in known if _has_moved(before, score)}
    if not moved:
        return 0
    states = dict(sorted(moved.items()))
    rows = await write_told(session, run, states)
    common = {
        "as_of": run.today,
        "scored_at": run.at,
        "currency": run.tenant.currency,
        "horizon_days": HORIZON_DAYS,
        "discount_bps": DISCOUNT_BPS,
        "model_ids": [each for each in (run.value_model_id, run.spend_model_id, run.churn_model_id) if each is not None],
    }
    events = (CustomerScored(state=ScoreState(id=row.id, created_at=row.created_at, **common, **states[row.id])) for row in rows)
    await record_many(session, [(row, event, None) for row, event in zip(rows, events, strict=True)])
    return len(rows)


async def _told(session: AsyncSession, contact_ids: Sequence[UUID]) -> dict[UUID, Telling]:
    """What was last told of each of the contacts of whom anything was."""
    table = PublishedScore.__table__.c
    statement = select(table.id, table.lifetime_value_minor, table.tier, table.churn_bps)
    rows = await session.execute(statement.where(table.id == any_(literal(list(contact_ids), ARRAY(Uuid)))))
    return {contact_id: Telling(*told) for contact_id, *told in rows}


def _has_moved(before: Mapping[UUID, Telling], score: Score) -> bool:
    if score.lifetime_value_minor is None:
        return False
    return has_moved(before.get(score.contact_id), Telling(score.lifetime_value_minor, score.tier, score.churn_bps))


def _state(score: Score) -> dict[str, Any]:
    churn = {} if score.churn_bps is None else dict(_churn_of(score))
    return {
        "lifetime_value_minor": score.lifetime_value_minor,
        "expected_purchases_milli": round((score.expected_purchases or 0.0) * 1000),
        "p_alive_bps": round((score.p_alive or 0.0) * 10_000),
        "p_buys_bps": round((score.p_buys or 0.0) * 10_000),
        "revenue_to_date_minor": score.revenue_to_date_minor,
        "margin_to_date_minor": score.margin_to_date_minor,
        "tier": score.tier,
        **churn,
    }


def _churn_of(score: Score) -> Iterator[tuple[str, Any]]:
    yield "churn_bps", score.churn_bps
    yield "churn_horizon_days", CHURN_HORIZON_DAYS
    yield "value_at_risk_minor", score.value_at_risk_minor
    yield "reasons", score.reasons
