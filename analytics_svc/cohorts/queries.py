"""Asking the history about everybody: a child process answers."""

from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.customers.queries import day_asked, instant_asked
from analytics_svc.history.children import ChildFailed, ask_question
from services.database import now
from services.errors import Unavailable
from services.settings import Settings
from services.tenants import get_tenant

from .schemas import Cohort, CohortMonth, CohortQuery, Cohorts, HistoryQuery, RepeatIntervals


async def get_cohorts(session: AsyncSession, settings: Settings, query: CohortQuery) -> Cohorts:
    """Orders by month and cohort. Raises Invalid for a day in the future, Unavailable."""
    asked = await _asked(session, query)
    found = await _ask(session, settings, "orders_by_cohort", asked | {"from": query.from_, "to": query.to})
    cohorts = [_cohort(name, list(cells)) for name, cells in groupby(found["cells"], key=itemgetter("cohort"))]
    kept = {"as_of": asked["as_of"], "known_at": query.known_at, "currency": asked["currency"]}
    return Cohorts.model_validate(kept | {"items": cohorts, "position": found["position"]})


async def get_repeat_intervals(session: AsyncSession, settings: Settings, query: HistoryQuery) -> RepeatIntervals:
    """How often and after how long customers come back. Raises Invalid for a day in the future, Unavailable."""
    asked = await _asked(session, query)
    found = await _ask(session, settings, "repeat_intervals", asked)
    rate = round(10_000 * found["repeat_customers"] / max(found["customers"], 1))
    kept = {"as_of": asked["as_of"], "known_at": query.known_at, "repeat_order_rate_bps": rate}
    return RepeatIntervals.model_validate(found | kept | {"all": found["all"] if found["items"] else None})


async def _asked(session: AsyncSession, query: HistoryQuery) -> dict[str, Any]:
    tenant = await get_tenant(session)
    return {
        "tenant_id": tenant.id,
        "currency": tenant.currency,
        "as_of": day_asked(query.as_of, tenant, at=now(session)),
        "known_at": instant_asked(query.known_at, at=now(session)),
    }


async def _ask(session: AsyncSession, settings: Settings, question: str, asked: dict[str, Any]) -> dict[str, Any]:
    await session.close()  # the child reads on a connection of its own; this one is for others meanwhile
    try:
        return await ask_question(settings, question, asked)
    except (TimeoutError, ChildFailed) as error:
        raise Unavailable("The history did not answer; try again, or ask for fewer facts by as_of", code="history_unavailable") from error


def _cohort(name: str, cells: list[dict[str, Any]]) -> Cohort:
    """A cohort of its cells; everybody of it bought in its own month, which comes first."""
    size = cells[0]["customers"]
    months = [
        CohortMonth(
            months_since=_months(cell["month"]) - _months(name),
            retention_bps=round(10_000 * cell["customers"] / size),
            **{key: value for key, value in cell.items() if key != "cohort"},
        )
        for cell in cells
    ]
    return Cohort(cohort=name, customers=size, months=months)


def _months(month: str) -> int:
    year, _, number = month.partition("-")
    return 12 * int(year) + int(number)
