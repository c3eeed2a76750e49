"""The one SQL definition of what customers bought, as of a day and as known at an instant; `rules.statistics_of` is its twin.

The live projection, the answers about one customer and the fits of models all ask this statement, so they cannot disagree. It is
written as text, because building and hashing it as expressions costs a batch of the consumer more than running it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, DateTime, Text, TextualSelect, Uuid, bindparam, column, text

from services.money import MOST_MINOR

STATISTICS = """
WITH home AS MATERIALIZED (
    SELECT (SELECT currency FROM tenant WHERE id = nullif(current_setting('mitra.tenant', true), '')::uuid) AS currency
), standing AS (
    SELECT known.contact_id, currency, amount_minor, margin_minor,
           (attributes ->> 'placed_on')::date AS day,
           attributes ->> 'status' AS status,
           (attributes ->> 'is_test')::boolean AS is_test,
           (attributes ->> 'paid_minor')::bigint AS paid_minor,
           (attributes ->> 'refunded_minor')::bigint AS refunded_minor
    FROM /*facts*/
    WHERE starts_with(kind, 'order.')
      AND sequence = (SELECT max(later.sequence) FROM fact AS later WHERE later.subject = known.subject /*later in time*/)
      /*in time*/
), kept AS (
    SELECT *, greatest(amount_minor - refunded_minor, 0) AS kept_minor, coalesce(currency = (SELECT currency FROM home), false) AS is_rated
    FROM standing
    WHERE status IN ('placed', 'completed') AND NOT is_test AND (paid_minor <= 0 OR refunded_minor < paid_minor) /*day in time*/
), bought AS (
    SELECT contact_id, day, is_rated, kept_minor AS amount_minor,
           CASE WHEN margin_minor IS NULL OR refunded_minor = 0 THEN margin_minor
                ELSE coalesce(div(margin_minor::numeric * kept_minor, nullif(amount_minor, 0)), 0)::bigint END AS margin_minor
    FROM kept
), days AS (
    SELECT contact_id, day, min(day) OVER (PARTITION BY contact_id) AS first_on, max(day) OVER (PARTITION BY contact_id) AS last_on,
           count(*) AS orders,
           count(*) FILTER (WHERE NOT is_rated) AS orders_without_rate,
           sum(amount_minor) FILTER (WHERE is_rated) AS revenue_minor,
           sum(amount_minor) FILTER (WHERE is_rated AND margin_minor IS NOT NULL) AS costed_revenue_minor,
           sum(margin_minor) FILTER (WHERE is_rated) AS costed_margin_minor
    FROM bought
    GROUP BY contact_id, day
), sums AS (
    SELECT contact_id, min(day) AS first_on, max(day) AS last_on, count(*) AS purchase_days,
           count(*) FILTER (WHERE day > first_on AND orders_without_rate = 0) AS spend_days,
           sum(revenue_minor) FILTER (WHERE day > first_on AND orders_without_rate = 0) AS spend_minor,
           sum(orders)::bigint AS orders,
           sum(orders_without_rate)::bigint AS orders_without_rate,
           sum(revenue_minor) AS revenue_minor,
           sum(revenue_minor) FILTER (WHERE day = last_on) AS last_spend_minor,
           sum(costed_revenue_minor) AS costed_revenue_minor,
           sum(costed_margin_minor) AS costed_margin_minor
    FROM days
    GROUP BY contact_id
)
SELECT contact_id, (SELECT currency FROM home) AS currency, first_on, last_on, purchase_days, purchase_days - 1 AS repeat_days,
       spend_days, /*spend_minor*/, orders, orders_without_rate, /*revenue_minor*/, /*last_spend_minor*/, /*costed_revenue_minor*/,
       /*costed_margin_minor*/
FROM sums
"""
ALL_FACTS = "fact AS known"
LISTED = "unnest(string_to_array(:contact_ids, ',')::uuid[]) AS listed (contact_id)"
EACH = "CROSS JOIN LATERAL (SELECT * FROM fact WHERE fact.contact_id = listed.contact_id OFFSET 0) AS known"
BOUNDED = "greatest(least(coalesce(name, 0), most), -most)::bigint AS name".replace("most", str(MOST_MINOR))
COLUMNS = {"contact_id": Uuid, "currency": Text, "first_on": Date, "last_on": Date} | dict.fromkeys(
    (
        *("purchase_days", "repeat_days", "spend_days", "spend_minor", "orders", "orders_without_rate"),
        *("revenue_minor", "last_spend_minor", "costed_revenue_minor", "costed_margin_minor"),
    ),
    BigInteger,
)


@cache
def statistics_sql(*, of_listed: bool, until_day: bool = False, until_instant: bool = False) -> str:
    """The statement as text: the columns of `rules.Statistics` and `contact_id`, a row for each contact with a purchase.

    With `of_listed` only the contacts in `:contact_ids` (see `listed`); with `until_day` as of `:as_of`; with `until_instant` as known
    at `:known_at`. The latest fact of each order decides: its contact, its day, its amounts. Listed contacts are looked up one by
    one (LATERAL), and an order's latest sequence is a subquery of its own: so the plan stays the same while the tables grow from
    nothing and the planner has no statistics yet, as in the middle of an import.
    """
    in_time = ["AND occurred_on <= :as_of"] * until_day + ["AND recorded_at <= :known_at"] * until_instant
    parts = {
        "facts": f"{LISTED} {EACH}" if of_listed else ALL_FACTS,
        "later in time": " ".join(in_time).replace("AND ", "AND later."),
        "in time": " ".join(in_time),
        "day in time": "AND day <= :as_of" if until_day else "",
        **{name: BOUNDED.replace("name", name) for name in COLUMNS},
    }
    statement = STATISTICS
    for place, part in parts.items():
        statement = statement.replace(f"/*{place}*/", part)
    return statement


def statistics(*, contact_ids: Sequence[UUID] | None = None, as_of: date | None = None, known_at: datetime | None = None) -> TextualSelect:
    """The statement, ready to run or to select from. None stands for every customer of the tenant, and for no bound."""
    values = {"contact_ids": None if contact_ids is None else listed(contact_ids), "as_of": as_of, "known_at": known_at}
    types: dict[str, Any] = {"contact_ids": Text(), "as_of": Date(), "known_at": DateTime(timezone=True)}
    sql = statistics_sql(of_listed=contact_ids is not None, until_day=as_of is not None, until_instant=known_at is not None)
    bound: list[Any] = [bindparam(name, value, types[name]) for name, value in values.items() if value is not None]
    return text(sql).bindparams(*bound).columns(*(column(name, kind) for name, kind in COLUMNS.items()))


def listed(contact_ids: Iterable[UUID | str]) -> str:
    """Contact ids as the one text that `:contact_ids` takes: the driver looks at every element of an array, which costs more."""
    return ",".join(map(str, contact_ids))
