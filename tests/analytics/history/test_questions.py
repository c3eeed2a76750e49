"""Wide questions: answered from the history they equal what the live tier says, wherever the facts are just then."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import mean, quantiles
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from analytics_svc.customers.purchases import statistics_sql
from analytics_svc.settings import history_folder
from services.identifiers import new_id
from tests.analytics.history.made import FIRST_DAY, flush
from tests.analytics.make import KNOWN, Order, events_of, publish
from tests.harness import Mitra

LIVE_DAYS = statistics_sql(of_listed=False, until_day=True, until_instant=True).partition("), sums AS (")[0]
LIVE_POSITION = """SELECT count(*) AS facts, max(recorded_at) AS recorded_at FROM fact
WHERE starts_with(kind, 'order.') AND occurred_on <= :as_of AND recorded_at <= :known_at"""
TODAY = date(2026, 3, 2)


def a_company(tenant_id: UUID, *, count: int, seed: int = 11) -> list[Order]:
    """Orders of a third as many customers, some refunded, cancelled, back-dated, handed over, tests or in another currency."""
    chance = random.Random(seed)
    contacts = [new_id() for _ in range(count // 3)]
    made = []
    for _ in range(count):
        on = FIRST_DAY + timedelta(days=chance.randrange(110))
        order = Order(tenant_id, chance.choice(contacts))
        special: dict[str, Any] = chance.choice([{}, {}, {}, {"currency": "EUR"}, {"is_test": True}])
        order.place(on, chance.randrange(1, 9000), margin_minor=chance.choice([None, 500, -5]), recorded_at=KNOWN, **special)
        later = KNOWN + timedelta(hours=chance.randrange(1, 9))
        what = chance.randrange(8)
        if what == 0:
            order.refund(on + timedelta(days=9), chance.randrange(1, order.state["paid_minor"] + 1), recorded_at=later)
        elif what == 1:
            order.cancel(on, recorded_at=later)
        elif what == 2:
            order.change(on + timedelta(days=3), placed_on=on - timedelta(days=30), recorded_at=later)
        elif what == 3:
            order.change(on + timedelta(days=1), contact_id=chance.choice(contacts), recorded_at=later)
        made.append(order)
    return made


async def live_days(mitra: Mitra, tenant_id: UUID, **bounds: Any) -> tuple[list[Any], dict[str, Any]]:
    """Purchase days by the live tier's own statement, and how far its facts reach."""
    async with mitra.session("analytics", tenant_id) as session:
        days = (await session.execute(text(f"{LIVE_DAYS}) SELECT * FROM days ORDER BY contact_id, day"), bounds)).all()
        position = (await session.execute(text(LIVE_POSITION), bounds)).mappings().one()
        return list(days), {"facts": position["facts"], "recorded_at": position["recorded_at"].isoformat().replace("+00:00", "Z")}


def cells_of(days: Sequence[Any]) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """Customers, orders, orders without a rate and revenue by cohort and month."""
    found: dict[tuple[str, str], list[Any]] = {}
    for day in days:
        found.setdefault((f"{day.first_on:%Y-%m}", f"{day.day:%Y-%m}"), []).append(day)
    return {
        place: (
            len({day.contact_id for day in group}),
            sum(day.orders for day in group),
            sum(day.orders_without_rate for day in group),
            sum(day.revenue_minor or 0 for day in group),
        )
        for place, group in found.items()
    }


def gaps_of(days: Sequence[Any]) -> dict[int, list[int]]:
    """Days to the next purchase day, by the number of the purchase."""
    dates: dict[UUID, list[date]] = {}
    for day in days:
        dates.setdefault(day.contact_id, []).append(day.day)
    found: dict[int, list[int]] = {}
    for of_one in dates.values():
        for number, (one, following) in enumerate(pairwise(of_one), start=1):
            found.setdefault(number, []).append((following - one).days)
    return found


def spread_of(gaps: Sequence[int]) -> Any:
    cuts = quantiles(gaps, n=20, method="inclusive") if len(gaps) > 1 else [gaps[0]] * 19
    spread = {"mean_days": mean(gaps), "p25_days": cuts[4], "median_days": cuts[9], "p75_days": cuts[14], "p90_days": cuts[17]}
    return {"intervals": len(gaps)} | {name: pytest.approx(value, rel=1e-12) for name, value in spread.items()}


async def answered(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_history_answers_as_the_live_tier_does(mitra: Mitra, tenant_id: UUID) -> None:
    """With the facts partly in the Delta table, in several batches, and partly not; beside another tenant's; for any day and instant."""
    other_id = await mitra.new_tenant()
    client = mitra.client("analytics", mitra.caller(tenant_id, scopes=["customers:read"]))
    events = events_of([*a_company(tenant_id, count=240), *a_company(other_id, count=60, seed=5)])
    random.Random(2).shuffle(events)
    await publish(mitra, events[:200])
    await flush(mitra, most=90)
    await publish(mitra, events[200:])
    for bounds in ({"as_of": TODAY}, {"as_of": date(2026, 1, 20), "known_at": KNOWN + timedelta(hours=4)}):
        days, position = await live_days(mitra, tenant_id, **{"known_at": datetime(2026, 3, 2, tzinfo=UTC)} | bounds)
        cohorts = await answered(client, "/v1/cohorts", **bounds)
        found = {
            (cohort["cohort"], m["month"]): (m["customers"], m["orders"], m["orders_without_rate"], m["revenue_minor"])
            for cohort in cohorts["items"]
            for m in cohort["months"]
        }
        assert found == cells_of(days)
        repeats = await answered(client, "/v1/cohorts/repeat-intervals", **bounds)
        gaps = gaps_of(days)
        assert repeats["items"] == [{"purchase": number} | spread_of(gaps[number]) for number in sorted(gaps)]
        assert repeats["all"] == spread_of([gap for group in gaps.values() for gap in group])
        assert cohorts["position"] == repeats["position"] == position
        assert (cohorts["as_of"], cohorts["currency"]) == (str(bounds["as_of"]), "USD")
    async with mitra.session("analytics", tenant_id) as session:
        ordered = list(await session.scalars(text("SELECT orders FROM customer_stats WHERE orders > 0")))
    latest = await answered(client, "/v1/cohorts/repeat-intervals")
    assert (latest["customers"], latest["repeat_customers"]) == (len(ordered), sum(orders >= 2 for orders in ordered))
    assert latest["repeat_order_rate_bps"] == round(10_000 * latest["repeat_customers"] / latest["customers"])


async def test_a_cohort_counts_its_months_from_its_first_and_its_customers_once(mitra: Mitra, tenant_id: UUID) -> None:
    ada, bob, cleo = new_id(), new_id(), new_id()
    bought = [(ada, 11, 3, 100), (ada, 11, 3, 50), (ada, 11, 20, 100), (bob, 11, 9, 70), (ada, 12, 31, 30), (cleo, 12, 1, 10)]
    orders = [Order(tenant_id, who).place(date(2025, month, day), minor) for who, month, day, minor in bought]
    await publish(mitra, events_of([*orders, Order(tenant_id, bob).place(date(2026, 2, 1), 7, currency="EUR")]))
    client = mitra.client("analytics", mitra.caller(tenant_id))
    found = await answered(client, "/v1/cohorts")

    def month(name: str, since: int, customers: int, share: int, orders: int, revenue: int, unrated: int = 0) -> dict[str, Any]:
        numbers = {"months_since": since, "customers": customers, "retention_bps": share, "orders": orders, "revenue_minor": revenue}
        return {"month": name, "orders_without_rate": unrated, **numbers}

    november = [month("2025-11", 0, 2, 10_000, 4, 320), month("2025-12", 1, 1, 5_000, 1, 30), month("2026-02", 3, 1, 5_000, 1, 0, 1)]
    december = {"cohort": "2025-12", "customers": 1, "months": [month("2025-12", 0, 1, 10_000, 1, 10)]}
    assert found["items"] == [{"cohort": "2025-11", "customers": 2, "months": november}, december]
    assert found["position"] == {"facts": 7, "recorded_at": "2026-03-01T00:00:00Z"}
    only = await answered(client, "/v1/cohorts", **{"from": "2025-11-15", "to": "2025-12-31"})
    assert only["items"] == [december]


async def test_a_tenant_without_orders_is_answered_with_nothing(mitra: Mitra, tenant_id: UUID) -> None:
    client = mitra.client("analytics", mitra.caller(tenant_id))
    nothing = {"facts": 0, "recorded_at": None}
    found = await answered(client, "/v1/cohorts")
    assert (found["items"], found["position"]) == ([], nothing)
    found = await answered(client, "/v1/cohorts/repeat-intervals")
    assert (found["customers"], found["repeat_order_rate_bps"], found["all"], found["items"]) == (0, 0, None, [])


async def test_a_day_in_the_future_and_a_scope_that_is_missing_are_refused(mitra: Mitra, tenant_id: UUID) -> None:
    client = mitra.client("analytics", mitra.caller(tenant_id))
    answer = await client.get("/v1/cohorts?as_of=2026-03-03")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "in_the_future")
    client = mitra.client("analytics", mitra.caller(tenant_id, scopes=["orders:read"]))
    assert (await client.get("/v1/cohorts/repeat-intervals")).status_code == 403


async def test_a_question_that_finds_no_answer_is_503(mitra: Mitra, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    client = mitra.client("analytics", mitra.caller(tenant_id))
    monkeypatch.setenv("MITRA_ANALYTICS_QUESTION_SECONDS", "0.01")
    answer = await client.get("/v1/cohorts")
    assert (answer.status_code, answer.json()["code"]) == (503, "history_unavailable")
    monkeypatch.delenv("MITRA_ANALYTICS_QUESTION_SECONDS")
    log = history_folder(mitra.settings) / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("no Delta table")
    assert (await client.get("/v1/cohorts")).json()["code"] == "history_unavailable"
