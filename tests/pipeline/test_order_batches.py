"""Orders in batches: creates, upserts by external id, changes and archives, also by several callers at once."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline import make


def statuses(results: list[dict[str, Any]]) -> list[int]:
    return [result["status"] for result in results]


def code(result: dict[str, Any]) -> str:
    return str(result["problem"]["code"])


async def count(orders: httpx.AsyncClient) -> int:
    page = await orders.get("/v1/orders", params={"page_size": 1, "include_total": True})
    return int(page.json()["total"])


async def test_each_operation_has_the_answer_that_it_would_have_alone(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    known = await make.create(orders, make.placed(number="N-1"))
    other = await make.create(orders, make.placed())
    results = await make.batch(
        orders,
        [
            {"op": "create", "data": make.order()},
            {"op": "create", "data": make.placed(number="N-2", external_ids=[{"source": "shop", "id": "1"}])},
            {"op": "create", "data": make.placed(number="N-1", external_ids=[{"source": "shop", "id": "2"}])},
            {"op": "create", "data": make.placed(number="N-2")},
            {"op": "create", "data": make.placed(external_ids=[{"source": "shop", "id": "1"}])},
            {"op": "create", "data": make.placed(placed_at="2030-01-01T00:00:00Z")},
            {"op": "create", "data": make.placed(lines=[{"amount_minor": 1, "unit_price_minor": 2}])},
            {"op": "create", "data": make.placed(currency="XXX")},
            make.upsert("2"),
            {"op": "update", "id": known["id"], "if_match": 1, "data": {"tags": ["a"]}},
            {"op": "update", "id": known["id"], "if_match": 1, "data": {"tags": ["b"]}},
            {"op": "update", "id": str(new_id()), "if_match": 1, "data": {}},
            {"op": "archive", "id": other["id"]},
            {"op": "archive", "id": str(new_id())},
        ],
    )
    assert statuses(results) == [201, 201, 409, 409, 409, 422, 422, 422, 201, 200, 412, 404, 200, 404]
    assert [code(results[n]) for n in (2, 3, 4)] == ["number_taken", "number_taken", "external_id_taken"]
    assert results[5]["problem"]["errors"][0]["pointer"] == "/operations/5/data/placed_at"
    assert results[7]["problem"]["errors"][0]["pointer"] == "/operations/7/data/currency"
    events = [(event.type.split(".")[2], event.sequence) for event in await mitra.outbox("pipeline")][2:]
    assert Counter(events) == {("created", 1): 1, ("placed", 1): 2, ("changed", 2): 1, ("archived", 2): 1}
    for result in results:
        if result["status"] in (200, 201):
            assert (await orders.get(f"/v1/orders/{result['id']}")).json()["version"] == result["version"]


async def test_a_batch_that_is_all_or_nothing_leaves_nothing_when_one_is_refused(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    operations = [make.upsert("1"), {"op": "create", "data": make.placed(lines=[{"amount_minor": 1, "unit_price_minor": 2}])}]
    refused = await orders.post("/v1/orders/batch", json={"operations": operations, "atomic": True})
    assert (refused.status_code, refused.json()["code"]) == (422, "batch_refused")
    assert (await count(orders), await mitra.outbox("pipeline")) == (0, [])
    assert statuses(await make.batch(orders, operations[:1])) == [201]


async def test_the_same_file_again_makes_no_order_and_no_event(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    operations = [make.upsert(str(n), placed_at="2025-06-01T12:00:00Z", lines=[{"quantity": 2, "amount_minor": n}]) for n in range(120)]
    assert set(statuses(first := await make.batch(orders, operations))) == {201}
    events = len(await mitra.outbox("pipeline"))
    assert set(statuses(again := await make.batch(orders, operations))) == {200}
    assert [(result["id"], result["version"]) for result in again] == [(result["id"], result["version"]) for result in first]
    assert (await count(orders), len(await mitra.outbox("pipeline"))) == (120, events)


async def test_two_files_at_once_with_the_same_orders_make_each_once(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    operations = [make.upsert(str(n)) for n in range(500)]
    answers = await asyncio.gather(make.batch(orders, operations), make.batch(orders, operations[::-1]))
    found = Counter(status for answer in answers for status in statuses(answer))
    assert found == {201: 500, 200: 500}
    assert [result["id"] for result in answers[0]] == [result["id"] for result in answers[1]][::-1]
    assert (await count(orders), len(await mitra.outbox("pipeline"))) == (500, 500)


async def test_an_upsert_of_other_content_changes_fields_and_lines_under_the_rules_of_a_patch(
    mitra: Mitra, orders: httpx.AsyncClient
) -> None:
    (born,) = await make.batch(orders, [make.upsert("1", channel="web", tags=["a"], contact_id=str(new_id()))])
    key = {"source": "shop", "id": "1"}
    read = (await orders.get(f"/v1/orders/{born['id']}")).json()
    body = {"contact_id": read["contact_id"], "currency": "USD"}
    more = [make.line(), make.line(quantity=1)]
    results = await make.batch(
        orders,
        [
            {"op": "upsert", "key": key, "data": {**body, "channel": "phone", "lines": [make.line()]}},
        ],
    )
    assert [(result["status"], result["version"]) for result in results] == [(200, 2)]
    event = (await mitra.outbox("pipeline"))[-1]
    assert (event.type, event.data["changed"]) == ("pipeline.order.changed.v1", ["channel"])
    refused = await make.batch(
        orders,
        [
            {"op": "upsert", "key": key, "data": {**body, "lines": [make.line(quantity=1)]}},
            {"op": "upsert", "key": key, "data": {**body, "currency": "EUR", "lines": [make.line()]}},
            {"op": "upsert", "key": key, "data": {**body, "lines": more, "status": "placed", "paid": True}},
            {"op": "upsert", "key": key, "data": {**body, "lines": [make.line()], "total_minor": 999}},
        ],
    )
    assert [code(result) for result in refused] == ["less_than_fulfilled", "currency_fixed", "verb_needed", "invalid"]
    (grown,) = await make.batch(
        orders, [{"op": "upsert", "key": key, "data": {**body, "external_ids": [{"source": "erp", "id": "9"}], "lines": more}}]
    )
    assert (grown["status"], grown["version"]) == (200, 3)
    read = (await orders.get(f"/v1/orders/{born['id']}")).json()
    assert read["external_ids"] == [key, {"source": "erp", "id": "9"}]
    assert (read["tags"], read["channel"], read["total_minor"], read["payment_status"]) == (["a"], "phone", 1500, "partly_paid")


@pytest.mark.parametrize(
    ("verbs", "status", "problem"),
    [
        (["refund"], 200, None),
        (["return", "refund", "cancel"], 200, None),
        (["complete"], 200, None),
        (["archive"], 200, None),
    ],
)
async def test_an_order_that_has_moved_on_is_no_difference(
    mitra: Mitra, orders: httpx.AsyncClient, verbs: list[str], status: int, problem: None
) -> None:
    operation = make.upsert("1", placed_at="2025-06-01T12:00:00Z")
    (born,) = await make.batch(orders, [operation])
    for verb in verbs:
        await make.act(orders, born["id"], verb)
    before = len(await mitra.outbox("pipeline"))
    (again,) = await make.batch(orders, [operation])
    assert (again["status"], again["problem"], again["version"]) == (status, problem, 1 + len(verbs))
    assert len(await mitra.outbox("pipeline")) == before


async def test_a_step_that_was_not_made_is_not_made_by_an_upsert(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    body = make.order()
    key = {"source": "shop", "id": "1"}
    (born,) = await make.batch(orders, [{"op": "upsert", "key": key, "data": body}])
    placed = {"status": "placed", "placed_at": "2026-03-02T09:00:00Z"}
    steps = [placed, {**placed, "paid": True}, {**placed, "paid": True, "fulfilled": True}]
    for step, verb in zip(steps, ("place", "pay", "fulfill"), strict=True):
        (refused,) = await make.batch(orders, [{"op": "upsert", "key": key, "data": body | step}])
        assert (refused["status"], code(refused)) == (409, "verb_needed")
        assert f"'{verb}'" in refused["problem"]["detail"]
        await make.act(orders, born["id"], verb, at=placed["placed_at"])
        (reached,) = await make.batch(orders, [{"op": "upsert", "key": key, "data": body | step}])
        assert reached["status"] == 200


async def test_one_key_twice_in_a_batch_is_one_order(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    contact = str(new_id())
    same = make.upsert("1", contact_id=contact, placed_at="2025-06-01T12:00:00Z")
    other = make.upsert("1", contact_id=contact, placed_at="2025-06-01T12:00:00Z", channel="phone")
    wrong = make.upsert("2", lines=[{"amount_minor": 1, "unit_price_minor": 2}])
    results = await make.batch(orders, [same, same, other, wrong, wrong])
    assert statuses(results) == [201, 200, 409, 422, 422]
    assert results[0]["id"] == results[1]["id"]
    assert (await count(orders), len(await mitra.outbox("pipeline"))) == (1, 1)
    assert statuses(await make.batch(orders, [make.upsert("2")])) == [201]


async def test_within_a_batch_each_upsert_meets_the_order_as_the_one_before_left_it(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    contact = str(new_id())

    def told(**fields: Any) -> dict[str, Any]:
        return make.upsert("1", contact_id=contact, placed_at="2025-06-01T12:00:00Z", **fields)

    await make.batch(orders, [told(channel="web")])
    refused = told(channel="web", lines=[make.line(quantity=1)])
    results = await make.batch(
        orders, [refused, told(channel="web"), told(channel="fax"), told(channel="web"), told(channel="fax"), refused]
    )
    assert statuses(results) == [409, 200, 200, 409, 200, 409]
    assert [result["version"] for result in results] == [None, 1, 2, None, 2, None]
    assert [code(results[n]) for n in (0, 3, 5)] == ["less_than_fulfilled", "changed_twice", "less_than_fulfilled"]
    assert [event.sequence for event in await mitra.outbox("pipeline")] == [1, 2]


async def test_an_upsert_may_not_take_the_other_names_of_another_order(orders: httpx.AsyncClient) -> None:
    await make.create(orders, make.placed(external_ids=[{"source": "erp", "id": "9"}]))
    taking = make.upsert("1", external_ids=[{"source": "erp", "id": "9"}])
    (refused,) = await make.batch(orders, [taking])
    assert (refused["status"], code(refused)) == (409, "external_id_taken")
    (born,) = await make.batch(orders, [make.upsert("1")])
    assert born["status"] == 201


async def test_another_tenants_external_ids_are_no_concern(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    stranger = mitra.client("pipeline", mitra.caller(await mitra.new_tenant()))
    for client in (orders, stranger):
        assert statuses(await make.batch(client, [make.upsert("1")])) == [201]
    assert (await count(orders), await count(stranger)) == (1, 1)


async def test_batches_with_given_numbers_at_once_share_them_out(orders: httpx.AsyncClient) -> None:
    operations = [{"op": "create", "data": make.placed(number=f"N-{n}")} for n in range(100)]
    answers = await asyncio.gather(*(make.batch(orders, operations[::step]) for step in (1, -1, 1, -1)))
    assert Counter(status for answer in answers for status in statuses(answer)) == {201: 100, 409: 300}
    assert await count(orders) == 100
