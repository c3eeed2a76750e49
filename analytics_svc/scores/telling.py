"""Telling the bus of values that have moved, and only of those."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.events.analytics import CustomerScored, ScoreState
from services.outbox import record_many

from .rules import DISCOUNT_BPS, HORIZON_DAYS, has_moved
from .runs import Run
from .upserts import told_values, write_told

UNDONE: dict[str, int] = {
    "lifetime_value_minor": 0,
    "expected_purchases_milli": 0,
    "p_alive_bps": 0,
    "p_buys_bps": 0,
    "revenue_to_date_minor": 0,
    "margin_to_date_minor": 0,
}


async def tell_values(
    session: AsyncSession, run: Run, computed: Mapping[str, Sequence[Any]], *, revenue_minor: Sequence[int], gone: Sequence[UUID]
) -> int:
    """Record customer.scored for every customer whose value moved 5 % or is new, and for those `gone` (all purchases undone) of whom
    something else was told before; answers how many.
    """
    before = await told_values(session, [*computed["contact_id"], *gone])
    known = dict(_states(computed, revenue_minor)) | {contact_id: UNDONE for contact_id in gone if contact_id in before}
    moved = {c: state for c, state in sorted(known.items()) if has_moved(before.get(c), state["lifetime_value_minor"])}
    if not moved:
        return 0
    rows = await write_told(session, run, {contact_id: state["lifetime_value_minor"] for contact_id, state in moved.items()})
    common = {
        "as_of": run.today,
        "scored_at": run.at,
        "currency": run.tenant.currency,
        "horizon_days": HORIZON_DAYS,
        "discount_bps": DISCOUNT_BPS,
        "model_ids": [run.value_model_id, run.spend_model_id],
    }
    states = [ScoreState(id=row.id, created_at=row.created_at, **common, **moved[row.id]) for row in rows]
    await record_many(session, [(row, CustomerScored(state=state), None) for row, state in zip(rows, states, strict=True)])
    return len(rows)


def _states(computed: Mapping[str, Sequence[Any]], revenue_minor: Sequence[int]) -> Iterator[tuple[UUID, dict[str, int]]]:
    for at, contact_id in enumerate(computed["contact_id"]):
        yield (
            contact_id,
            {
                "lifetime_value_minor": computed["lifetime_value_minor"][at],
                "expected_purchases_milli": round(computed["expected_purchases"][at] * 1000),
                "p_alive_bps": round(computed["p_alive"][at] * 10_000),
                "p_buys_bps": round(computed["p_buys"][at] * 10_000),
                "revenue_to_date_minor": revenue_minor[at],
                "margin_to_date_minor": computed["margin_to_date_minor"][at],
            },
        )
