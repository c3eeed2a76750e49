"""What customers bought, as expressions over the history: the same rule as `customers/purchases.py` in SQL and `customers/rules.py` in
Python, for questions about everybody. Only child processes and commands load this.
"""

from datetime import date, datetime

import ibis
from ibis.backends.duckdb import Backend
from ibis.expr.types import Table

MACRO = "CREATE MACRO kept_part(margin, kept, amount) AS (margin::HUGEINT * kept // amount)::BIGINT"


def _kept_part(margin: int, kept: int, amount: int) -> int:
    raise NotImplementedError("the engine has it: see MACRO")


kept_part = ibis.udf.scalar.builtin(_kept_part, name="kept_part")
"""margin × kept ÷ amount in whole numbers of 128 bits, cut off towards zero."""


def prepare(duckdb: Backend) -> None:
    """Teach an engine what the expressions here need."""
    duckdb.raw_sql(MACRO)


def known(facts: Table, *, as_of: date | None, known_at: datetime | None) -> Table:
    """The facts of orders that had happened by the end of a day and were recorded by an instant; None stands for no bound."""
    orders = facts.filter(facts.kind.startswith("order."))
    if as_of is not None:
        orders = orders.filter(orders.occurred_on <= ibis.literal(as_of))
    if known_at is not None:
        orders = orders.filter(orders.recorded_at <= ibis.literal(known_at))
    return orders


def bought(orders: Table, *, currency: str | None, as_of: date | None) -> Table:
    """The purchases among `known` facts: contact_id, day, is_rated, amount_minor and margin_minor, a row an order.

    The latest fact of each order decides. `currency` is the tenant's; amounts in another are not rated.
    """
    latest = orders.group_by("subject").agg(sequence=orders.sequence.max())
    last = orders.semi_join(latest, ["subject", "sequence"])
    stands = last.status.isin(["placed", "completed"]) & ~last.is_test & ((last.paid_minor <= 0) | (last.refunded_minor < last.paid_minor))
    kept = last.filter(stands).mutate(kept_minor=ibis.greatest(last.amount_minor - last.refunded_minor, 0))
    if as_of is not None:
        kept = kept.filter(kept.placed_on <= ibis.literal(as_of))
    part = ibis.cases((kept.amount_minor == 0, 0), else_=kept_part(kept.margin_minor, kept.kept_minor, kept.amount_minor.nullif(0)))
    untouched = kept.margin_minor.isnull() | (kept.refunded_minor == 0)
    return kept.select(
        "contact_id",
        day=kept.placed_on,
        is_rated=ibis.literal(False) if currency is None else kept.currency == currency,
        amount_minor=kept.kept_minor,
        margin_minor=ibis.cases((untouched, kept.margin_minor), else_=part),
    )


def by_days(purchases: Table) -> Table:
    """The purchase days of customers: contact_id, day, orders, orders_without_rate, revenue_minor and the sums of what names its margin."""
    rated, costed = purchases.is_rated, purchases.is_rated & purchases.margin_minor.notnull()
    return purchases.group_by("contact_id", "day").agg(
        orders=purchases.count(),
        orders_without_rate=purchases.count(where=~rated),
        revenue_minor=purchases.amount_minor.sum(where=rated),
        costed_revenue_minor=purchases.amount_minor.sum(where=costed),
        costed_margin_minor=purchases.margin_minor.sum(where=costed),
    )
