"""From order events to the statistics of a customer and what the customer is worth, over HTTP."""

import asyncio
import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services import migrating
from services.identifiers import new_id
from services.manifests import get_manifest
from tests.analytics.make import KNOWN, Order, events_of, publish, settle
from tests.harness import Mitra

JAN, FEB, MARCH = date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 1)


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def analytics(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("analytics", mitra.caller(tenant_id))


def company(tenant_id: UUID, *, customers: int = 160, **fields: Any) -> list[Order]:
    """Customers as the models see them: everybody buys at a rate and for amounts of their own, and may leave after each purchase."""
    chance = random.Random(5)
    made = []
    for n in range(customers):
        contact_id, on = new_id(), date(2025, 9, 1) + timedelta(days=n % 90)
        rate, leaving, level = chance.gammavariate(1.5, 0.02), chance.betavariate(1, 5), chance.gammavariate(4, 400)
        while on <= MARCH:
            made.append(Order(tenant_id, contact_id).place(on, 100 + round(chance.gammavariate(6, level / 6)), **fields))
            if chance.random() < leaving:
                break
            on += timedelta(days=1 + round(chance.expovariate(rate)))
    return made


async def fitted(mitra: Mitra, tenant_id: UUID, extra: Sequence[Order] = (), **fields: Any) -> list[UUID]:
    """A company with its first models; answers its customers."""
    orders = company(tenant_id, **fields)
    await publish(mitra, events_of([*orders, *extra]))
    mitra.clock.advance(seconds=11)
    await settle(mitra)
    return list(dict.fromkeys(order.contact_id for order in orders))


async def test_the_tables_and_the_database_agree(mitra: Mitra) -> None:
    history = migrating.history_of(get_manifest("analytics"))
    assert await migrating.drift(mitra.settings.owner_database("analytics"), history) == []


async def test_a_customer_without_a_purchase_is_not_there(analytics: httpx.AsyncClient) -> None:
    for path in ("value", "summary"):
        answer = await analytics.get(f"/v1/customers/{uuid4()}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_purchase_known")


async def test_without_a_model_there_is_no_value_but_the_customer_is_listed(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    order = Order(tenant_id, new_id()).place(JAN, 1234)
    await publish(mitra, order.events)
    refused = await analytics.get(f"/v1/customers/{order.contact_id}/value")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_model")
    (customer,) = (await analytics.get("/v1/customers")).json()["items"]
    assert (customer["contact_id"], customer["revenue_to_date_minor"], customer["lifetime_value_minor"]) == (
        str(order.contact_id),
        1234,
        None,
    )
    assert (await analytics.get("/v1/customers?order_by=-lifetime_value_minor")).json()["items"] == []


async def test_a_value_names_what_it_rests_on(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = new_id()
    mine = [Order(tenant_id, contact_id).place(day, amount) for day, amount in ((JAN, 1000), (FEB, 2500), (FEB, 500))]
    await fitted(mitra, tenant_id, mine)
    value = (await analytics.get(f"/v1/customers/{contact_id}/value")).json()
    assert (value["as_of"], value["horizon_days"], value["discount_bps"], value["currency"]) == ("2026-03-02", 365, 1000, "USD")
    assert value["statistics"] == {"x": 1, "t_x": 31 / 7, "T": 51 / 7}
    assert (value["first_on"], value["last_on"], value["orders"], value["orders_without_rate"]) == ("2026-01-10", "2026-02-10", 3, 0)
    assert (value["revenue_to_date_minor"], value["margin_to_date_minor"]) == (4000, 4000)
    assert (value["margin_rate"], value["margin_source"]) == (1, "none")
    assert 0 < value["p_buys_within_horizon"] < value["p_alive"] < 1
    assert 0 < value["lifetime_value_minor"] < value["expected_purchases"] * value["expected_spend_minor"]
    window = ("2026-03-01", False)
    assert [(m["kind"], m["window_to"], m["validated"]) for m in value["models"]] == [("value", *window), ("spend", *window)]
    assert (value["in_sample"], value["position"]["facts"]) == (False, 3)


async def test_a_longer_horizon_is_worth_more_and_a_discount_costs(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]

    async def worth(**query: int) -> tuple[float, int]:
        value = (await analytics.get(f"/v1/customers/{contact_id}/value", params=query)).json()
        return value["expected_purchases"], value["lifetime_value_minor"]

    year, decade = await worth(horizon=365, discount_bps=0), await worth(horizon=3650, discount_bps=0)
    discounted = await worth(horizon=365, discount_bps=10_000)
    assert year[0] < decade[0]
    assert year[1] < decade[1]
    assert (discounted[0], discounted[1] < year[1]) == (year[0], True)


async def test_a_day_inside_the_window_is_said_to_be_in_sample(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    answers = [(await analytics.get(f"/v1/customers/{contact_id}/value?as_of={day}")).json() for day in ("2025-10-01", "2026-03-01")]
    assert [answer["in_sample"] for answer in answers] == [True, False]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("as_of=2026-03-03", "in_the_future"),
        ("as_of=x", "date_from_datetime_parsing"),
        ("horizon=0", "greater_than_equal"),
        ("horizon=3651", "less_than_equal"),
        ("discount_bps=10001", "less_than_equal"),
        ("known_at=2026-01-01T00:00:00", "timezone_aware"),
    ],
)
async def test_a_wrong_question_is_refused(analytics: httpx.AsyncClient, query: str, code: str) -> None:
    answer = await analytics.get(f"/v1/customers/{uuid4()}/value?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)


@pytest.mark.parametrize("known_at", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00", "2026-02-01T00:00:00Z"])
async def test_no_instant_makes_a_crash(analytics: httpx.AsyncClient, known_at: str) -> None:
    answer = await analytics.get(f"/v1/customers/{uuid4()}/value?known_at={known_at}")
    assert answer.status_code == 404


async def test_known_at_leaves_out_what_came_later(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    order = Order(tenant_id, new_id()).place(JAN, 1000, recorded_at=KNOWN - timedelta(days=20))
    order.refund(FEB, 400, recorded_at=KNOWN - timedelta(days=10))
    await fitted(mitra, tenant_id, [order])
    path = f"/v1/customers/{order.contact_id}/value"
    queries: list[dict[str, str]] = [{}, {"as_of": "2026-02-09"}, {"known_at": (KNOWN - timedelta(days=15)).isoformat()}]
    answers = [(await analytics.get(path, params=query)).json() for query in queries]
    assert [answer["revenue_to_date_minor"] for answer in answers] == [600, 1000, 1000]
    early = await analytics.get(path, params={"known_at": (KNOWN - timedelta(days=21)).isoformat()})
    assert early.json()["code"] == "no_purchase_known"


async def test_the_margin_is_the_customers_own_else_the_companys(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    own, other = new_id(), new_id()
    mine = [Order(tenant_id, own).place(JAN, 1000, margin_minor=600), Order(tenant_id, own).place(FEB, 1000)]
    await fitted(mitra, tenant_id, [*mine, Order(tenant_id, other).place(JAN, 1000)], margin_minor=100)
    found = [(await analytics.get(f"/v1/customers/{contact_id}/value")).json() for contact_id in (own, other)]
    assert [(value["margin_source"], value["revenue_to_date_minor"]) for value in found] == [("customer", 2000), ("company", 1000)]
    assert (found[0]["margin_rate"], found[0]["margin_to_date_minor"]) == (0.6, 1200)
    (spend,) = (await analytics.get('/v1/models?filter=kind = "spend"')).json()["items"]
    assert found[1]["margin_rate"] == float(spend["margin_rate"])
    assert found[1]["margin_to_date_minor"] == round(1000 * float(spend["margin_rate"]))


async def test_a_reader_waits_until_its_write_is_applied(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    order = Order(tenant_id, (await fitted(mitra, tenant_id))[0]).place(MARCH, 99)
    path, header = f"/v1/customers/{order.contact_id}/value", {"Mitra-Version": f"order/{order.id}@1"}
    before = (await analytics.get(path)).json()["orders"]
    reader = asyncio.create_task(analytics.get(path, headers=header))
    await asyncio.wait([reader], timeout=0.05)
    assert not reader.done()
    await publish(mitra, order.events)
    assert (await reader).json()["orders"] == before + 1
    stranger = mitra.client("analytics", mitra.caller(await mitra.new_tenant()))
    late = await asyncio.gather(analytics.get(path, headers={"Mitra-Version": f"order/{order.id}@2"}), stranger.get(path, headers=header))
    assert [(answer.status_code, answer.json()["code"]) for answer in late] == [(503, "not_applied_yet")] * 2
    wrong = await analytics.get(path, headers={"Mitra-Version": "order"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#header/Mitra-Version")


async def test_another_tenant_sees_nothing_of_a_customer(mitra: Mitra, tenant_id: UUID) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    stranger = mitra.client("analytics", mitra.caller(await mitra.new_tenant()))
    for path in (f"customers/{contact_id}/value", f"customers/{contact_id}/summary"):
        assert (await stranger.get(f"/v1/{path}")).status_code == 404
    assert (await stranger.get("/v1/customers")).json()["items"] == []
    assert (await stranger.get("/v1/models")).json()["items"] == []
    unscoped = mitra.client("analytics", mitra.caller(tenant_id, scopes=["models:read"]))
    assert (await unscoped.get(f"/v1/customers/{contact_id}/value")).json()["code"] == "missing_scope"
