"""Scores: what lists read, and what the bus is told."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from analytics_svc.scores.rules import Telling, has_moved
from services.identifiers import new_id
from tests.analytics.make import Order, publish, settle
from tests.analytics.test_customers import JAN, MARCH, fitted
from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def analytics(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("analytics", mitra.caller(tenant_id))


async def told(mitra: Mitra, contact_id: UUID) -> list[dict[str, Any]]:
    """The states of customer.scored of a customer, by sequence."""
    events = [event for event in await mitra.outbox("analytics") if event.subject == f"customer/{contact_id}"]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert {event.type for event in events} <= {"analytics.customer.scored.v1"}
    return [event.data["state"] for event in events]


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (None, Telling(0), True),
        (Telling(0), Telling(0), False),
        (Telling(0), Telling(1), True),
        (Telling(100), Telling(104), False),
        (Telling(100), Telling(105), True),
        (Telling(100), Telling(95), True),
        (Telling(-100), Telling(-96), False),
        (Telling(100), Telling(-100), True),
        (Telling(100, "big"), Telling(100, "big"), False),
        (Telling(100, "big"), Telling(100, "medium"), True),
        (Telling(100, None), Telling(100, "small"), True),
        (Telling(100, "big", 5000), Telling(104, "big", 5199), False),
        (Telling(100, "big", 5000), Telling(100, "big", 5200), True),
        (Telling(100, "big", 5000), Telling(100, "big", 4800), True),
        (Telling(100, "big", 0), Telling(100, "big", None), True),
    ],
)
def test_five_percent_of_value_two_points_of_churn_and_another_tier_are_a_move(before: Telling | None, after: Telling, moved: bool) -> None:
    assert has_moved(before, after) is moved


async def test_a_score_is_the_value_of_the_day_and_is_told_once(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    score = (await analytics.get(f"/v1/customers/{contact_id}/summary")).json()
    value = (await analytics.get(f"/v1/customers/{contact_id}/value")).json()
    for name in ("lifetime_value_minor", "expected_spend_minor", "revenue_to_date_minor", "margin_to_date_minor"):
        assert score[name] == value[name]
    for name in ("expected_purchases", "p_alive"):
        assert score[name] == pytest.approx(value[name], rel=1e-12)
    assert (score["p_buys"], score["as_of"]) == (pytest.approx(value["p_buys_within_horizon"], rel=1e-12), value["as_of"])
    (state,) = await told(mitra, contact_id)
    assert (state["id"], state["lifetime_value_minor"], state["horizon_days"]) == (str(contact_id), score["lifetime_value_minor"], 365)
    assert (state["p_alive_bps"], state["expected_purchases_milli"]) == (
        round(value["p_alive"] * 10_000),
        round(value["expected_purchases"] * 1000),
    )
    assert state["model_ids"] == [*(model["id"] for model in value["models"]), score["churn_model_id"]]


async def test_a_value_that_moves_is_told_and_one_that_hardly_moves_is_not(mitra: Mitra, tenant_id: UUID) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    await publish(mitra, Order(tenant_id, contact_id).place(MARCH, 5000).events)
    first, second = await told(mitra, contact_id)
    assert second["lifetime_value_minor"] > first["lifetime_value_minor"] * 1.05
    order = Order(tenant_id, contact_id).place(MARCH, 1)
    await publish(mitra, order.events)
    assert len(await told(mitra, contact_id)) == 2


async def test_a_customer_whose_purchases_are_all_undone_leaves_the_list_and_is_told_to_be_worth_nothing(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    order = Order(tenant_id, new_id()).place(JAN, 1000)
    untold = Order(tenant_id, new_id()).place(JAN, 1000).cancel(JAN)
    await fitted(mitra, tenant_id, [order, untold])
    await publish(mitra, order.refund(MARCH, 1000).events[1:])
    assert (await analytics.get(f"/v1/customers/{order.contact_id}/summary")).status_code == 404
    last = (await told(mitra, order.contact_id))[-1]
    assert (last["lifetime_value_minor"], last["revenue_to_date_minor"], last["p_alive_bps"]) == (0, 0, 0)
    assert await told(mitra, untold.contact_id) == []
    await publish(mitra, Order(tenant_id, order.contact_id).place(MARCH, 700).events)
    assert (await told(mitra, order.contact_id))[-1]["revenue_to_date_minor"] == 700


async def test_customers_are_listed_by_value_and_pages_follow_one_another(
    mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient
) -> None:
    contact_ids = await fitted(mitra, tenant_id)
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"order_by": "-lifetime_value_minor", "page_size": 50}
    while True:
        page = (await analytics.get("/v1/customers", params=query)).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    values = [customer["lifetime_value_minor"] for customer in seen]
    assert values == sorted(values, reverse=True)
    assert {customer["contact_id"] for customer in seen} == set(map(str, contact_ids))
    body = {"filter": "repeat_days >= 3 AND p_alive > 0.1", "order_by": "last_on", "page_size": 200}
    found = (await analytics.post("/v1/customers/search", json=body)).json()
    expected = {customer["contact_id"] for customer in seen if customer["repeat_days"] >= 3 and customer["p_alive"] > 0.1}
    assert {customer["contact_id"] for customer in found["items"]} == expected != set()
    assert [c["last_on"] for c in found["items"]] == sorted(c["last_on"] for c in found["items"])
    assert (await analytics.get("/v1/customers?order_by=name")).status_code == 422


@pytest.mark.parametrize("order", ["p_buys", "-p_buys", "last_on", "-revenue_to_date_minor"])
async def test_every_order_pages_through_all_customers(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient, order: str) -> None:
    contact_ids = await fitted(mitra, tenant_id)
    first = (await analytics.get("/v1/customers", params={"order_by": order, "page_size": 100})).json()
    query = {"order_by": order, "page_size": 100, "cursor": first["next_cursor"]}
    second = (await analytics.get("/v1/customers", params=query)).json()
    keys = [customer[order.removeprefix("-")] for customer in first["items"] + second["items"]]
    assert keys == sorted(keys, reverse=order.startswith("-"))
    assert {customer["contact_id"] for customer in first["items"] + second["items"]} == set(map(str, contact_ids))


async def test_a_purchase_dated_in_the_future_does_no_harm(mitra: Mitra, tenant_id: UUID, analytics: httpx.AsyncClient) -> None:
    order = Order(tenant_id, new_id()).place(date(2026, 3, 2) + timedelta(days=5), 1000)
    await fitted(mitra, tenant_id, [order])
    score = (await analytics.get(f"/v1/customers/{order.contact_id}/summary")).json()
    assert (score["last_on"], score["as_of"], score["lifetime_value_minor"] > 0) == ("2026-03-07", "2026-03-02", True)
    assert (await analytics.get(f"/v1/customers/{order.contact_id}/value")).json()["code"] == "no_purchase_known"


async def test_a_job_that_finds_nothing_to_do_tells_nothing(mitra: Mitra, tenant_id: UUID) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    before = len(await mitra.outbox("analytics"))
    await publish(mitra, Order(tenant_id, contact_id).place(JAN, 10, is_test=True).events)
    await settle(mitra)
    assert len(await mitra.outbox("analytics")) == before
