"""The wide questions as expressions over the history. Only child processes load this."""

from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import ibis
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table

from analytics_svc.history import purchases
from analytics_svc.history.flushing import Connection
from analytics_svc.history.reading import engine, history_of, kept, rows
from services.money import MOST_MINOR

MOST_PURCHASES = 12
QUANTILES = {"p25_days": 0.25, "median_days": 0.5, "p75_days": 0.75, "p90_days": 0.9}


async def orders_by_cohort(connection: Connection, folder: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """A cell for each cohort and month in which somebody of it bought, and the size of each cohort."""
    duckdb, orders, days = await _days(connection, folder, arguments)
    firsts = days.group_by("contact_id").agg(first_on=days.day.min())
    first, last = _day(arguments["from"]), _day(arguments["to"])
    firsts = firsts if first is None else firsts.filter(firsts.first_on >= ibis.literal(first))
    firsts = firsts if last is None else firsts.filter(firsts.first_on <= ibis.literal(last))
    told = days.inner_join(firsts, "contact_id").mutate(cohort=ibis._.first_on.strftime("%Y-%m"), month=ibis._.day.strftime("%Y-%m"))
    cells = told.group_by("cohort", "month").agg(
        customers=told.contact_id.nunique(),
        orders=told.orders.sum(),
        orders_without_rate=told.orders_without_rate.sum(),
        revenue_minor=told.revenue_minor.sum().fill_null(0).clip(upper=MOST_MINOR),
    )
    return {"cells": rows(duckdb, cells.order_by("cohort", "month")).to_pylist(), "position": _position(duckdb, orders)}


async def repeat_intervals(connection: Connection, folder: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    """The days between purchase days, over all and by the number of the purchase, and how many customers ordered twice."""
    duckdb, orders, days = await _days(connection, folder, arguments)
    steps = ibis.window(group_by="contact_id", order_by="day")
    numbered = days.mutate(purchase=ibis.row_number().over(steps) + 1, next_on=days.day.lead().over(steps))
    gaps = numbered.filter(numbered.next_on.notnull()).mutate(days=ibis._.next_on.delta(ibis._.day, unit="day"))
    spread = {"intervals": gaps.count(), "mean_days": gaps.days.mean()} | {name: gaps.days.quantile(q) for name, q in QUANTILES.items()}
    by_purchase = gaps.group_by("purchase").agg(**spread)
    by_purchase = by_purchase.filter(by_purchase.purchase <= MOST_PURCHASES).order_by("purchase")
    customers = days.group_by("contact_id").agg(orders=days.orders.sum())
    counted = customers.agg(customers=customers.count(), repeat_customers=customers.count(where=customers.orders >= 2))
    return {
        "all": rows(duckdb, gaps.agg(**spread)).to_pylist()[0],
        "items": rows(duckdb, by_purchase).to_pylist(),
        **rows(duckdb, counted).to_pylist()[0],
        "position": _position(duckdb, orders),
    }


async def _days(connection: Connection, folder: Path, arguments: dict[str, Any]) -> tuple[Backend, Table, Table]:
    duckdb = engine()
    purchases.prepare(duckdb)
    facts = await history_of(connection, folder, duckdb, UUID(arguments["tenant_id"]))
    as_of = date.fromisoformat(arguments["as_of"])
    known_at = None if arguments["known_at"] is None else datetime.fromisoformat(arguments["known_at"])
    orders = purchases.known(facts, as_of=as_of, known_at=known_at)
    bought = purchases.bought(orders, currency=arguments["currency"], as_of=as_of)
    return duckdb, orders, kept(duckdb, "days", rows(duckdb, purchases.by_days(bought)))


def _position(duckdb: Backend, orders: Table) -> dict[str, Any]:
    found: dict[str, Any] = rows(duckdb, orders.agg(facts=orders.count(), recorded_at=orders.recorded_at.max())).to_pylist()[0]
    return found


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
