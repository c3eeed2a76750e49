"""Lists of orders: what can be asked, and in which order they come."""

from typing import Any

import httpx
import pytest

from tests.harness import Mitra
from tests.pipeline import make

OWNER = "0190a0a0-0000-7000-8000-000000000007"
CONTACT = "0190a0a0-0000-7000-8000-000000000008"
BODIES: dict[str, dict[str, Any]] = {
    "draft": make.order(number="D-1", tags=["draft"]),
    "small": make.placed(number="S-1", lines=None, total_minor=5, placed_at="2026-01-01T22:30:00Z", contact_id=CONTACT),
    "test": make.placed(number="T-1", is_test=True, currency="JPY", placed_at="2026-02-01T12:00:00Z", paid=True, tags=["a", "b"]),
    "late": make.placed(
        number="L-1", channel="phone", owner_id=OWNER, placed_at="2026-01-01T23:30:00Z", fulfilled=True, contact_id=CONTACT
    ),
}


@pytest.fixture
async def four(orders: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {name: await make.create(orders, body) for name, body in BODIES.items()}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "draft small test late"),
        ('number = "S-1"', "small"),
        ('number : "-1" AND number < "M"', "draft late"),
        (f'contact_id = "{CONTACT}"', "small late"),
        ('status = "placed"', "small test late"),
        ('payment_status = "paid"', "test"),
        ('fulfilment_status != "none"', "late"),
        ('placed_on = "2026-01-01"', "small late"),
        ('placed_at >= "2026-01-01T23:00:00Z"', "test late"),
        ("placed_at = null", "draft"),
        ("placed_at >= days_ago(35)", "test"),
        ("total_minor > 5 AND total_minor <= 1000", "draft test late"),
        ('currency = "JPY"', "test"),
        ('channel = "phone"', "late"),
        ("owner_id = me", "late"),
        ("is_test = true", "test"),
        ('tags : "b"', "test"),
        ('tags : "a" OR tags : "draft"', "draft test"),
        ('created_at > "2026-03-01T00:00:00Z" AND updated_at < now', "draft small test late"),
        ('NOT (status = "draft" OR is_test = true)', "small late"),
    ],
)
async def test_orders_are_found_by_what_is_known_of_them(
    mitra: Mitra, tenant_id: Any, four: dict[str, dict[str, Any]], wanted: str, found: str
) -> None:
    asking = mitra.client("pipeline", mitra.caller(tenant_id, user_id=type(tenant_id)(OWNER)))
    listed = (await asking.get("/v1/orders", params={"filter": wanted})).json()["items"]
    searched = (await asking.post("/v1/orders/search", json={"filter": wanted})).json()["items"]
    assert listed == searched
    assert {order["number"] for order in listed} == {BODIES[name]["number"] for name in found.split()}
    assert listed == [four[name] for name in reversed(BODIES) if name in found.split()]


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ("created_at", "draft small test late"),
        ("-created_at", "late test small draft"),
        ("updated_at", "small test late draft"),
        ("total_minor", "small draft test late"),
        ("placed_at", "small late test draft"),
        ("-placed_at", "draft test late small"),
    ],
)
async def test_orders_come_in_each_order_page_by_page(
    orders: httpx.AsyncClient, four: dict[str, dict[str, Any]], order_by: str, names: str
) -> None:
    await orders.patch(f"/v1/orders/{four['draft']['id']}", json={"tags": ["changed"]}, headers={"If-Match": "1"})
    seen: list[str] = []
    query: dict[str, Any] = {"order_by": order_by, "page_size": 1}
    while True:
        page = (await orders.get("/v1/orders", params=query)).json()
        seen += [order["number"] for order in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [BODIES[name]["number"] for name in names.split()]


async def test_days_in_a_filter_are_those_of_the_tenant(mitra: Mitra) -> None:
    orders = mitra.client("pipeline", mitra.caller(await mitra.new_tenant(time_zone="Pacific/Niue")))
    order = await make.create(orders, make.placed())
    assert (order["placed_at"][:10], order["placed_on"]) == ("2026-03-02", "2026-03-01")
    for wanted in ("placed_on = now", "placed_on > days_ago(1)"):
        found = (await orders.get("/v1/orders", params={"filter": wanted})).json()["items"]
        assert [each["number"] for each in found] == [order["number"]]


@pytest.mark.parametrize("query", [{"filter": "margin_minor > 1"}, {"order_by": "number"}, {"filter": 'status > "a"'}, {"page_size": 201}])
async def test_what_cannot_be_asked_is_refused(orders: httpx.AsyncClient, query: dict[str, Any]) -> None:
    assert (await orders.get("/v1/orders", params=query)).status_code == 422


async def test_orders_of_another_tenant_are_not_there(mitra: Mitra, four: dict[str, dict[str, Any]]) -> None:
    stranger = mitra.client("pipeline", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get("/v1/orders")).json()["items"] == []
    order_id = four["late"]["id"]
    for verb in ("place", "pay", "fulfill", "refund", "return", "complete", "cancel", "archive", "restore"):
        assert (await stranger.post(f"/v1/orders/{order_id}/{verb}", json={})).status_code == 404
    assert (await stranger.get(f"/v1/orders/{order_id}")).status_code == 404
    results = await make.batch(stranger, [{"op": "archive", "id": order_id}, {"op": "update", "id": order_id, "if_match": 1, "data": {}}])
    assert [result["status"] for result in results] == [404, 404]


async def test_reading_and_writing_need_their_scopes(mitra: Mitra, tenant_id: Any, four: dict[str, dict[str, Any]]) -> None:
    reader = mitra.client("pipeline", mitra.caller(tenant_id, scopes=["orders:read"]))
    assert (await reader.get("/v1/orders")).status_code == 200
    for path in ("", "/batch", f"/{four['late']['id']}/pay"):
        assert (await reader.post(f"/v1/orders{path}", json={})).status_code == 403
