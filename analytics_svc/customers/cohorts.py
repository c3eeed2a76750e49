"""Loading many customers at once as whole numbers, from the facts as of a day or from the live statistics."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import ARRAY, Date, FromClause, Integer, Select, Uuid, any_, func, literal, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.scores.rules import Cohort

from . import purchases
from .models import CustomerStats

MONEY = ("spend_days", "spend_minor", "revenue_minor", "costed_revenue_minor", "costed_margin_minor", "last_spend_minor")


async def load_cohort(
    session: AsyncSession, as_of: date, *, known_at: datetime | None = None, contact_ids: Sequence[UUID] | None = None
) -> Cohort:
    """The customers that had bought by the end of `as_of`, from the facts recorded by `known_at` (default: all)."""
    source = purchases.statistics(contact_ids=contact_ids, as_of=as_of, known_at=known_at).subquery()
    return _cohort((await session.execute(_whole_numbers(source, as_of))).all())


async def load_live_cohort(session: AsyncSession, contact_ids: Sequence[UUID], *, as_of: date) -> Cohort:
    """Those of `contact_ids` who have bought, from the projection; a purchase on a later day than `as_of` moves the day there."""
    table = CustomerStats.__table__
    wanted = table.c.contact_id == any_(literal(list(contact_ids), ARRAY(Uuid)))
    rows = await session.execute(_whole_numbers(table, as_of).where(wanted, table.c.purchase_days > 0).order_by(table.c.contact_id))
    return _cohort(rows.all())


def _whole_numbers(source: FromClause, as_of: date) -> Select[Any]:
    day = func.greatest(literal(as_of, Date), source.c.last_on)
    return select(
        source.c.contact_id,
        source.c.repeat_days,
        type_coerce(source.c.last_on - source.c.first_on, Integer),
        type_coerce(day - source.c.first_on, Integer),
        *(source.c[name] for name in MONEY),
    )


def _cohort(rows: Sequence[Any]) -> Cohort:
    numbers = np.array([row[1:] for row in rows], dtype=np.int64).reshape(len(rows), 3 + len(MONEY))
    return Cohort([row[0] for row in rows], *numbers.T)
