"""Reading customers, and what one of them is worth."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.facts.models import Fact
from analytics_svc.models.queries import choose_models, valuer_of
from analytics_svc.scores.models import Score
from analytics_svc.scores.rules import Cohort, margins_to_date, rounded, value_customers
from analytics_svc.value.statistics import DAYS_PER_WEEK
from services.database import context_of, now
from services.errors import NotFound, invalid_field
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered
from services.tenants import Tenant, business_day, get_tenant

from . import purchases
from .cohorts import MONEY
from .schemas import CustomerValue, FactsPosition, PurchaseStatistics, UsedModel, ValueQuery

FIELDS: FilterFields = {
    "contact_id": Field("id", Score.contact_id),
    "currency": Field("choice", Score.currency),
    "first_on": Field("date", Score.first_on),
    "last_on": Field("date", Score.last_on),
    "as_of": Field("date", Score.as_of),
    "scored_at": Field("instant", Score.scored_at),
    **{
        name: Field("number", getattr(Score, name))
        for name in (
            *("purchase_days", "repeat_days", "orders", "orders_without_rate", "revenue_to_date_minor", "margin_to_date_minor"),
            *("lifetime_value_minor", "expected_spend_minor", "expected_purchases", "p_alive", "p_buys"),
            *("churn_bps", "value_at_risk_minor"),
        )
    },
    "tier": Field("choice", Score.tier),
}
ORDERS = {
    "lifetime_value_minor": Order(Score.lifetime_value_minor, int),
    "p_buys": Order(Score.p_buys, float),
    "revenue_to_date_minor": Order(Score.revenue_to_date_minor, int),
    "last_on": Order(Score.last_on, date),
    "churn_bps": Order(Score.churn_bps, int),
    "value_at_risk_minor": Order(Score.value_at_risk_minor, int),
}
LISTED = {
    name: all_of(Score).where(order.column.is_not(None)) if order.column.nullable else all_of(Score) for name, order in ORDERS.items()
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoPurchaseKnown(NotFound):
    """Nobody of this id had bought anything by that day, as far as was known."""

    code = "no_purchase_known"


async def list_customers(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the customers; a list by a value that no model has worked out yet for somebody leaves that customer out."""
    listed = LISTED.get((query.order_by or "").removeprefix("-"), all_of(Score))
    statement = filtered(listed, query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Score.contact_id, orders=ORDERS, default="-revenue_to_date_minor")


async def get_summary(session: AsyncSession, contact_id: UUID) -> Score:
    """The customer's row of the list. Raises NoPurchaseKnown."""
    score = await session.get(Score, (context_of(session).tenant_id, contact_id))
    if score is None:
        raise NoPurchaseKnown(f"No purchase of {contact_id} is known")
    return score


async def get_value(session: AsyncSession, contact_id: UUID, query: ValueQuery) -> CustomerValue:
    """What a customer is worth, worked out for the day asked from the facts alone.

    Raises Invalid for a day in the future, NoPurchaseKnown, NotFound for an unknown model, NoModelYet, Unavailable.
    """
    tenant = await get_tenant(session)
    as_of = day_asked(query.as_of, tenant, at=now(session))
    known_at = instant_asked(query.known_at, at=now(session))
    bought = await get_statistics(session, contact_id, as_of=as_of, known_at=known_at)
    models = await choose_models(session, query.model_id)
    valuer = valuer_of(*models, currency=tenant.currency)
    cohort = one_customer(bought, as_of)
    values = value_customers(cohort, valuer, horizon_days=query.horizon, discount_bps=query.discount_bps)
    source = "customer" if bought["costed_revenue_minor"] > 0 else "none" if valuer.company_rate is None else "company"
    return CustomerValue(
        contact_id=contact_id,
        as_of=as_of,
        known_at=query.known_at,
        horizon_days=query.horizon,
        discount_bps=query.discount_bps,
        currency=tenant.currency,
        expected_purchases=float(values.expected_purchases[0]),
        p_buys_within_horizon=float(values.p_buys[0]),
        p_alive=float(values.p_alive[0]),
        expected_spend_minor=int(rounded(values.expected_spend_minor)[0]),
        lifetime_value_minor=int(rounded(values.lifetime_value_minor)[0]),
        revenue_to_date_minor=bought["revenue_minor"],
        margin_to_date_minor=int(rounded(margins_to_date(cohort, values.margin_rate))[0]),
        margin_rate=float(values.margin_rate[0]),
        margin_source=source,
        statistics=PurchaseStatistics(
            x=bought["repeat_days"], t_x=float(cohort.recency_days[0] / DAYS_PER_WEEK), T=float(cohort.age_days[0] / DAYS_PER_WEEK)
        ),
        **{name: bought[name] for name in ("first_on", "last_on", "orders", "orders_without_rate")},
        models=[UsedModel.model_validate(model) for model in models],
        in_sample=any(model.window_to > as_of for model in models),
        position=await get_position(session, contact_id, as_of=as_of, known_at=known_at),
    )


def day_asked(as_of: date | None, tenant: Tenant, *, at: datetime) -> date:
    """The day that is asked for, or today where the tenant is. Raises Invalid for a day in the future."""
    today = business_day(tenant, at)
    if as_of is not None and as_of > today:
        raise invalid_field("#query/as_of", "in_the_future", f"It is {today} where the tenant is; what comes after is not known")
    return as_of or today


def instant_asked(known_at: datetime | None, *, at: datetime) -> datetime | None:
    """The instant that is asked for, or None where all that is known now counts."""
    return max(known_at, EPOCH) if known_at is not None and known_at < at else None


async def get_statistics(session: AsyncSession, contact_id: UUID, *, as_of: date, known_at: datetime | None) -> Mapping[Any, Any]:
    """The statistics of a customer as of a day, as known at an instant. Raises NoPurchaseKnown."""
    statement = purchases.statistics(contact_ids=[contact_id], as_of=as_of, known_at=known_at)
    bought = (await session.execute(statement)).mappings().one_or_none()
    if bought is None:
        raise NoPurchaseKnown(f"No purchase of {contact_id} by {as_of} is known")
    return bought


def one_customer(bought: Mapping[Any, Any], as_of: date) -> Cohort:
    """The statistics of one customer as a cohort of its own."""
    days = (bought["repeat_days"], (bought["last_on"] - bought["first_on"]).days, (as_of - bought["first_on"]).days)
    numbers = [*days, *(bought[name] for name in MONEY)]
    return Cohort([bought["contact_id"]], *np.array(numbers, dtype=np.int64).reshape(-1, 1))


async def get_position(session: AsyncSession, contact_id: UUID, *, as_of: date, known_at: datetime | None) -> FactsPosition:
    """How far the facts of a customer reach."""
    statement = select(func.count(), func.max(Fact.recorded_at)).where(Fact.contact_id == contact_id, Fact.occurred_on <= as_of)
    if known_at is not None:
        statement = statement.where(Fact.recorded_at <= known_at)
    facts, recorded_at = (await session.execute(statement)).one()
    return FactsPosition(facts=facts, recorded_at=recorded_at)
