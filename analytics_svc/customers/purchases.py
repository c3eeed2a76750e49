"""The one SQL definition of what customers bought, as of a day and as known at an instant; `rules.statistics_of` is its twin.

The live projection, the answers about one customer and the fits of models all ask this statement, so they cannot disagree.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Numeric,
    Select,
    Text,
    Uuid,
    any_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.orm import aliased

from analytics_svc.facts.models import Fact
from services.money import MOST_MINOR
from services.tenants import Tenant

TENANT_CURRENCY = (
    select(Tenant.currency).where(Tenant.id == cast(func.nullif(func.current_setting("mitra.tenant", True), ""), Uuid)).scalar_subquery()
)


def statistics(*, contact_ids: Sequence[UUID] | None = None, as_of: date | None = None, known_at: datetime | None = None) -> Select[Any]:
    """Select the columns of `rules.Statistics` and `contact_id`, a row for each contact with a purchase.

    `contact_ids` None stands for every customer of the tenant, `as_of` and `known_at` None for no bound.
    """
    bought = _purchases(contact_ids, as_of=as_of, known_at=known_at)
    days = _days(bought)
    on_repeat_day_with_rates = (days.c.day > days.c.first_on) & (days.c.orders_without_rate == 0)
    return select(
        days.c.contact_id,
        TENANT_CURRENCY.label("currency"),
        func.min(days.c.day).label("first_on"),
        func.max(days.c.day).label("last_on"),
        func.count().label("purchase_days"),
        (func.count() - 1).label("repeat_days"),
        func.count().filter(on_repeat_day_with_rates).label("spend_days"),
        _bounded(func.sum(days.c.revenue_minor).filter(on_repeat_day_with_rates)).label("spend_minor"),
        cast(func.sum(days.c.orders), BigInteger).label("orders"),
        cast(func.sum(days.c.orders_without_rate), BigInteger).label("orders_without_rate"),
        *(_bounded(func.sum(days.c[name])).label(name) for name in ("revenue_minor", "costed_revenue_minor", "costed_margin_minor")),
    ).group_by(days.c.contact_id)


def _days(bought: CTE) -> CTE:
    """The purchase days: a row for each contact and day."""
    costed = bought.c.margin_minor.is_not(None) & bought.c.is_rated
    return (
        select(
            bought.c.contact_id,
            bought.c.day,
            func.min(bought.c.day).over(partition_by=bought.c.contact_id).label("first_on"),
            func.count().label("orders"),
            func.count().filter(~bought.c.is_rated).label("orders_without_rate"),
            func.sum(bought.c.amount_minor).filter(bought.c.is_rated).label("revenue_minor"),
            func.sum(bought.c.amount_minor).filter(costed).label("costed_revenue_minor"),
            func.sum(bought.c.margin_minor).filter(costed).label("costed_margin_minor"),
        )
        .group_by(bought.c.contact_id, bought.c.day)
        .cte("days")
    )


def _purchases(contact_ids: Sequence[UUID] | None, *, as_of: date | None, known_at: datetime | None) -> CTE:
    """The orders that are purchases: not a draft, a test, cancelled, or refunded with all the money that was paid."""
    order = _standing_orders(contact_ids, as_of=as_of, known_at=known_at)
    kept = func.greatest(order.c.amount_minor - order.c.refunded_minor, 0)
    part = func.coalesce(func.div(cast(order.c.margin_minor, Numeric) * kept, func.nullif(order.c.amount_minor, 0)), 0)
    statement = select(
        order.c.contact_id,
        order.c.day,
        func.coalesce(order.c.currency == TENANT_CURRENCY, False).label("is_rated"),
        kept.label("amount_minor"),
        case(
            (order.c.margin_minor.is_(None) | (order.c.refunded_minor == 0), order.c.margin_minor),
            else_=cast(part, BigInteger),
        ).label("margin_minor"),
    ).where(
        order.c.status.in_(("placed", "completed")),
        ~order.c.is_test,
        (order.c.paid_minor <= 0) | (order.c.refunded_minor < order.c.paid_minor),
        *([order.c.day <= as_of] if as_of is not None else []),
    )
    return statement.cte("bought")


def _standing_orders(contact_ids: Sequence[UUID] | None, *, as_of: date | None, known_at: datetime | None) -> CTE:
    """The fact of each order that no later one replaces; its contact decides whose order it is."""
    later = aliased(Fact, name="later")
    is_replaced = exists().where(
        later.tenant_id == Fact.tenant_id,
        later.subject == Fact.subject,
        later.sequence > Fact.sequence,
        *_in_time(later, as_of=as_of, known_at=known_at),
    )
    statement = select(
        Fact.contact_id,
        Fact.currency,
        Fact.amount_minor,
        Fact.margin_minor,
        cast(_attribute("placed_on"), Date).label("day"),
        _attribute("status").label("status"),
        cast(_attribute("is_test"), Boolean).label("is_test"),
        cast(_attribute("paid_minor"), BigInteger).label("paid_minor"),
        cast(_attribute("refunded_minor"), BigInteger).label("refunded_minor"),
    ).where(Fact.kind.startswith("order."), ~is_replaced, *_in_time(Fact, as_of=as_of, known_at=known_at))
    if contact_ids is not None:
        statement = statement.where(Fact.contact_id == any_(literal(list(contact_ids), ARRAY(Uuid))))
    return statement.cte("standing")


def _in_time(fact: type[Fact], *, as_of: date | None, known_at: datetime | None) -> list[ColumnElement[bool]]:
    conditions = []
    if as_of is not None:
        conditions.append(fact.occurred_on <= as_of)
    if known_at is not None:
        conditions.append(fact.recorded_at <= known_at)
    return conditions


def _attribute(name: str) -> ColumnElement[str]:
    return Fact.attributes.op("->>", return_type=Text())(literal(name, Text()))


def _bounded(total: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(func.greatest(func.least(func.coalesce(total, 0), MOST_MINOR), -MOST_MINOR), BigInteger)
