"""Rebuilding the projection of customers from the history, in one question a tenant. Only the command loads this."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import ibis
import pyarrow as pa
import pyarrow.csv
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table

from analytics_svc.customers.operations import LOCK_SPACE
from analytics_svc.history import purchases
from analytics_svc.history.flushing import Connection, bound
from analytics_svc.history.reading import engine, history_of, kept, rows
from services.failpoints import reach
from services.money import MOST_MINOR
from services.settings import Settings, plain_url

COLUMNS = (
    *("contact_id", "currency", "first_on", "last_on", "purchase_days", "repeat_days", "spend_days", "spend_minor", "orders"),
    *("orders_without_rate", "revenue_minor", "last_spend_minor", "costed_revenue_minor", "costed_margin_minor"),
)
LISTED = ", ".join(COLUMNS)
ONE_AT_A_TIME = f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, hashtext($1))"
STAGE = f"CREATE TEMPORARY TABLE rebuilt ON COMMIT DROP AS SELECT {LISTED} FROM customer_stats WITH NO DATA"  # noqa: S608
CHANGED = f"SELECT count(*) FROM (SELECT {LISTED} FROM rebuilt EXCEPT SELECT {LISTED} FROM customer_stats) AS changed"  # noqa: S608
WRITE = f"INSERT INTO customer_stats (tenant_id, {LISTED}) SELECT $1, {LISTED} FROM rebuilt"  # noqa: S608 - our own columns


@dataclass
class Rebuilt:
    """What a rebuild came to: tenants, the facts about orders that were read, customers, and how many of these are not as they were."""

    tenants: int = 0
    facts: int = 0
    customers: int = 0
    changed: int = 0


async def rebuild_customers(settings: Settings, folder: Path, show: Callable[[Rebuilt, int], None]) -> Rebuilt:
    """Work out the statistics of every customer of every tenant anew, a transaction a tenant; `show` hears of each.

    While a tenant's are worked out its events wait, as they do for one another (`customers.operations.recompute_customers`).
    """
    done = Rebuilt()
    named = {"application_name": "mitra rebuild customers", "jit": "off"}
    connection = await asyncpg.connect(plain_url(settings.database("analytics")), server_settings=named)
    try:
        tenants = await connection.fetch("SELECT id, currency FROM tenant ORDER BY id")
        for tenant in tenants:
            async with bound(connection, tenant["id"]):
                await _rebuild(connection, folder, tenant["id"], tenant["currency"], done)
                reach("rebuild.before_commit")
            reach("rebuild.after_commit")
            done.tenants += 1
            show(done, len(tenants))
    finally:
        await connection.close()
    return done


async def _rebuild(connection: Connection, folder: Path, tenant_id: UUID, currency: str, done: Rebuilt) -> None:
    await connection.execute(ONE_AT_A_TIME, str(tenant_id))
    duckdb = engine()
    purchases.prepare(duckdb)
    orders = purchases.known(await history_of(connection, folder, duckdb, tenant_id), as_of=None, known_at=None)
    found = rows(duckdb, statistics(duckdb, orders, currency))
    copied = io.BytesIO()
    pa.csv.write_csv(found.select(COLUMNS), copied, pa.csv.WriteOptions(include_header=False))
    copied.seek(0)
    await connection.execute(STAGE)
    await connection.copy_to_table("rebuilt", source=copied, columns=COLUMNS, format="csv")
    done.changed += await connection.fetchval(CHANGED)
    await connection.execute("DELETE FROM customer_stats")
    reach("rebuild.emptied")
    await connection.execute(WRITE, tenant_id)
    done.customers += found.num_rows
    done.facts += rows(duckdb, orders.agg(facts=orders.count())).column("facts")[0].as_py()


def statistics(duckdb: Backend, orders: Table, currency: str) -> Table:
    """`customers.rules.Statistics` of everybody from whom an order ever came, among `known` facts: its third form, for all at once."""
    days = kept(duckdb, "days", rows(duckdb, purchases.by_days(purchases.bought(orders, currency=currency, as_of=None))))
    span = days.group_by("contact_id").agg(first_on=days.day.min(), last_on=days.day.max())
    days = days.inner_join(span, "contact_id")
    spent = (days.day > days.first_on) & (days.orders_without_rate == 0)
    sums = days.group_by("contact_id").agg(
        first_on=days.first_on.max(),
        last_on=days.last_on.max(),
        purchase_days=days.count(),
        repeat_days=days.count() - 1,
        spend_days=days.count(where=spent),
        spend_minor=days.revenue_minor.sum(where=spent),
        orders=days.orders.sum(),
        orders_without_rate=days.orders_without_rate.sum(),
        revenue_minor=days.revenue_minor.sum(),
        last_spend_minor=days.revenue_minor.sum(where=days.day == days.last_on),
        costed_revenue_minor=days.costed_revenue_minor.sum(),
        costed_margin_minor=days.costed_margin_minor.sum(),
    )
    everybody = orders.select("contact_id").distinct().left_join(sums, "contact_id")
    numbers = {name: everybody[name].fill_null(0).clip(-MOST_MINOR, MOST_MINOR) for name in COLUMNS[4:]}
    told = ibis.cases((everybody.purchase_days.notnull(), currency))
    return everybody.select("contact_id", "first_on", "last_on", currency=told, **numbers)
