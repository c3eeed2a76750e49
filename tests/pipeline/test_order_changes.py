"""Changes of fields and lines before an order is completed."""

from typing import Any

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline import make

TWO_LINES = [make.line(), make.line(sku="desk", quantity=3, unit_price_minor=100)]


async def patch(orders: httpx.AsyncClient, order: dict[str, Any], **fields: Any) -> httpx.Response:
    return await orders.patch(f"/v1/orders/{order['id']}", json=fields, headers={"If-Match": f'"{order["version"]}"'})


async def test_fields_change_with_one_event_that_names_them(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(channel="web", referral_code="FRIEND"))
    ids = {name: str(new_id()) for name in ("contact_id", "call_id", "opportunity_id", "quote_id", "campaign_id", "owner_id")}
    fields = {**ids, "number": "X-1", "channel": "phone", "referral_code": None, "is_test": True, "tags": ["b", "a", "b"]}
    changed = (await patch(orders, order, **fields)).json()
    assert {name: changed[name] for name in fields} == fields | {"tags": ["b", "a"]}
    born, event = await mitra.outbox("pipeline")
    assert (event.type, event.sequence, event.data["changed"]) == ("pipeline.order.changed.v1", 2, sorted(fields))
    assert (event.partition_key, event.data["state"]["contact_id"]) == (born.partition_key, ids["contact_id"])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tags": []},
        {"channel": "web", "owner_id": None},
        {"lines": TWO_LINES},
        {"lines": [{"line_no": 1, "sku": "lamp", "quantity": 2, "amount_minor": 1000}, TWO_LINES[1]]},
        {"placed_at": "2026-03-01T12:00:00+02:00"},
        {"external_ids": [{"source": "shop", "id": "1"}]},
    ],
)
async def test_a_change_of_nothing_tells_nothing_also_of_a_completed_order(
    mitra: Mitra, orders: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    body = make.placed(
        lines=TWO_LINES, channel="web", placed_at="2026-03-01T10:00:00Z", external_ids=[{"source": "shop", "id": "1"}], fulfilled=True
    )
    order = await make.create(orders, body)
    answer = await patch(orders, order, **fields)
    assert (answer.status_code, answer.json()) == (200, order)
    completed = await make.act(orders, order["id"], "complete")
    answer = await patch(orders, completed, **fields)
    assert (answer.status_code, answer.json()) == (200, completed)
    assert len(await mitra.outbox("pipeline")) == 2


@pytest.mark.parametrize(
    "fields", [{"channel": "phone"}, {"lines": [make.line()]}, {"placed_at": "2026-02-01T00:00:00Z"}, {"tags": ["a"]}, {"number": "X-2"}]
)
@pytest.mark.parametrize("verb", ["complete", "cancel"])
async def test_an_order_that_is_over_stays_as_it_is(mitra: Mitra, orders: httpx.AsyncClient, verb: str, fields: dict[str, Any]) -> None:
    order = await make.create(orders, make.placed(lines=TWO_LINES))
    order = await make.act(orders, order["id"], verb)
    refused = await patch(orders, order, **fields)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert len(await mitra.outbox("pipeline")) == 2


async def test_new_lines_carry_over_what_was_delivered_and_restate_money_and_goods(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(lines=TWO_LINES))
    for verb, body in [("pay", {}), ("fulfill", {}), ("return", {"lines": [{"line_no": 2, "quantity": 1}]})]:
        order = await make.act(orders, order["id"], verb, **body)
    lines = [make.line(), make.line(line_no=2, sku="desk", quantity=4, unit_price_minor=100), make.line(line_no=9, quantity=1)]
    changed = (await patch(orders, order, lines=lines)).json()
    assert [[line[name] for name in ("line_no", "fulfilled_quantity", "returned_quantity")] for line in changed["lines"]] == [
        [1, 2, 0],
        [2, 3, 1],
        [9, 0, 0],
    ]
    assert (changed["total_minor"], changed["paid_minor"], changed["payment_status"]) == (1900, 1300, "partly_paid")
    assert changed["fulfilment_status"] == "partly_returned"
    event = (await mitra.outbox("pipeline"))[-1]
    assert event.data["changed"] == ["lines", "payment_status", "total_minor"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([make.line(quantity=1, unit_price_minor=1300), TWO_LINES[1]], "less_than_fulfilled"),
        ([make.line(line_no=2, quantity=9)], "less_than_fulfilled"),
        ([make.line(), make.line(line_no=3, quantity=3)], "less_than_paid"),
        ([make.line(unit_price_minor=499), TWO_LINES[1]], "less_than_paid"),
    ],
)
async def test_lines_cannot_fall_below_what_was_delivered_or_paid(
    mitra: Mitra, orders: httpx.AsyncClient, lines: list[dict[str, Any]], code: str
) -> None:
    order = await make.create(orders, make.placed(lines=TWO_LINES))
    await make.act(orders, order["id"], "fulfill", lines=[{"line_no": 1, "quantity": 2}])
    order = await make.act(orders, order["id"], "pay")
    if code == "less_than_paid" and len(lines) == 2 and lines[1].get("line_no") == 3:
        lines = [lines[0], {**lines[1], "unit_price_minor": 99}]
    refused = await patch(orders, order, lines=lines)
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert (await orders.get(f"/v1/orders/{order['id']}")).json() == order
    assert len(await mitra.outbox("pipeline")) == 3


async def test_a_wrong_date_is_put_right_and_moves_the_business_day(mitra: Mitra) -> None:
    orders = mitra.client("pipeline", mitra.caller(await mitra.new_tenant(time_zone="Asia/Tokyo")))
    order = await make.create(orders, make.placed(placed_at="2026-02-01T10:00:00Z"))
    changed = (await patch(orders, order, placed_at="2026-01-31T15:30:00Z")).json()
    assert (changed["placed_at"], changed["placed_on"]) == ("2026-01-31T15:30:00Z", "2026-02-01")
    event = (await mitra.outbox("pipeline"))[-1]
    assert (event.data["changed"], event.data["occurred_on"]) == (["placed_at"], "2026-03-02")
    draft = await make.create(orders, make.order())
    refused = await patch(orders, draft, placed_at="2026-01-31T15:30:00Z")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "draft")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"contact_id": None}, "/contact_id"),
        ({"number": None}, "/number"),
        ({"lines": None}, "/lines"),
        ({"lines": []}, "/lines"),
        ({"tags": None}, "/tags"),
        ({"is_test": None}, "/is_test"),
        ({"placed_at": None}, "/placed_at"),
        ({"external_ids": None}, "/external_ids"),
        ({"currency": "EUR"}, "/currency"),
        ({"status": "placed"}, "/status"),
        ({"paid_minor": 5}, "/paid_minor"),
        ({"total_minor": 5}, "/total_minor"),
    ],
)
async def test_what_may_not_be_cleared_or_set_is_refused(orders: httpx.AsyncClient, fields: dict[str, Any], pointer: str) -> None:
    refused = await patch(orders, await make.create(orders, make.placed()), **fields)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_number_that_another_order_has_cannot_be_taken(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    await make.create(orders, make.order(number="X-1"))
    order = await make.create(orders, make.order(number="X-2"))
    refused = await patch(orders, order, number="X-1")
    assert (refused.status_code, refused.json()["code"]) == (409, "number_taken")
    assert (await patch(orders, order, number="X-3")).json()["number"] == "X-3"
    assert (await make.create(orders, make.order(number="X-2")))["number"] == "X-2"


async def test_external_ids_are_added_and_given_back(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    keys = [{"source": "shop", "id": name} for name in "123"]
    order = await make.create(orders, make.order(external_ids=keys[:2]))
    other = await make.create(orders, make.order(external_ids=keys[2:]))
    refused = await patch(orders, other, external_ids=[keys[2], keys[0]])
    assert (refused.status_code, refused.json()["code"]) == (409, "external_id_taken")
    assert (await patch(orders, order, external_ids=[keys[1]])).json()["external_ids"] == [keys[1]]
    assert (await patch(orders, other, external_ids=[keys[0], keys[2]])).json()["external_ids"] == [keys[0], keys[2]]


async def test_a_change_needs_the_version_that_was_read(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.order())
    assert (await orders.patch(f"/v1/orders/{order['id']}", json={"tags": ["a"]})).status_code == 428
    await make.act(orders, order["id"], "place")
    assert (await patch(orders, order, tags=["a"])).status_code == 412
    assert (await orders.patch(f"/v1/orders/{new_id()}", json={}, headers={"If-Match": "*"})).status_code == 404
