"""The verbs of orders over HTTP: every state × every verb, amounts and lines in part, keys, and many callers at once."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline import make

VERBS = ("place", "pay", "fulfill", "refund", "return", "complete", "cancel")
HALF_OF_IT = {"lines": [{"line_no": 1, "quantity": 1}]}
Step = tuple[str, dict[str, Any]]

WAYS: list[tuple[str, list[Step], str]] = [
    ("draft, unpaid, none", [], "place cancel"),
    ("placed, unpaid, none", [("place", {})], "pay fulfill complete cancel"),
    ("placed, partly_paid, none", [("place", {}), ("pay", {"amount_minor": 400})], "pay fulfill refund complete"),
    ("placed, paid, none", [("place", {}), ("pay", {})], "fulfill refund complete"),
    ("placed, partly_refunded, none", [("place", {}), ("pay", {}), ("refund", {"amount_minor": 1})], "fulfill refund complete"),
    ("placed, refunded, none", [("place", {}), ("pay", {}), ("refund", {})], "fulfill complete cancel"),
    ("placed, unpaid, partial", [("place", {}), ("fulfill", HALF_OF_IT)], "pay fulfill return complete"),
    ("placed, unpaid, fulfilled", [("place", {}), ("fulfill", {})], "pay return complete"),
    ("placed, unpaid, partly_returned", [("place", {}), ("fulfill", {}), ("return", HALF_OF_IT)], "pay return complete"),
    ("placed, unpaid, returned", [("place", {}), ("fulfill", {}), ("return", {})], "pay complete cancel"),
    ("placed, paid, fulfilled", [("place", {}), ("pay", {}), ("fulfill", {})], "refund return complete"),
    (
        "placed, refunded, returned",
        [("place", {}), ("pay", {}), ("fulfill", {}), ("refund", {}), ("return", {})],
        "complete cancel",
    ),
    ("completed, unpaid, none", [("place", {}), ("complete", {})], "pay"),
    ("completed, paid, fulfilled", [("place", {}), ("pay", {}), ("fulfill", {}), ("complete", {})], "refund return"),
    ("cancelled, unpaid, none", [("cancel", {})], ""),
    ("cancelled, refunded, none", [("place", {}), ("pay", {}), ("refund", {}), ("cancel", {})], ""),
]


async def walk(orders: httpx.AsyncClient, steps: list[Step]) -> dict[str, Any]:
    """A fresh order of 1,000 and two things, brought along."""
    order = await make.create(orders, make.order())
    for verb, body in steps:
        order = await make.act(orders, order["id"], verb, **body)
    return order


@pytest.mark.parametrize(("state", "steps", "fitting"), WAYS, ids=[state for state, _, _ in WAYS])
async def test_every_verb_fits_a_state_or_is_refused_and_tells_nothing(
    mitra: Mitra, orders: httpx.AsyncClient, state: str, steps: list[Step], fitting: str
) -> None:
    for verb in VERBS:
        order = await walk(orders, steps)
        assert ", ".join(order[axis] for axis in ("status", "payment_status", "fulfilment_status")) == state
        before = len(await mitra.outbox("pipeline"))
        answer = await orders.post(f"/v1/orders/{order['id']}/{verb}")
        if verb in fitting.split():
            assert (answer.status_code, answer.headers["etag"]) == (200, f'"{order["version"] + 1}"'), verb
            assert len(await mitra.outbox("pipeline")) == before + 1
            continue
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["state"]) == (409, "wrong_state", state), verb
        assert problem["verbs_that_fit"] == fitting.split()
        assert (await orders.get(f"/v1/orders/{order['id']}")).json() == order
        assert len(await mitra.outbox("pipeline")) == before


@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_on_an_order_that_is_not_there_is_not_found(orders: httpx.AsyncClient, verb: str) -> None:
    assert (await orders.post(f"/v1/orders/{new_id()}/{verb}", json={})).status_code == 404


@pytest.mark.parametrize(
    ("verb", "body", "status", "code"),
    [
        ("pay", {"amount_minor": 601}, 409, "more_than_due"),
        ("refund", {"amount_minor": 401}, 409, "more_than_paid"),
        ("fulfill", {"lines": [{"line_no": 1, "quantity": 2}]}, 409, "more_than_open"),
        ("return", {"lines": [{"line_no": 1, "quantity": 2}]}, 409, "more_than_fulfilled"),
        ("fulfill", {"lines": [{"line_no": 7, "quantity": 1}]}, 422, "invalid"),
        ("fulfill", {"lines": [{"line_no": 1, "quantity": 1}, {"line_no": 1, "quantity": 1}]}, 422, "invalid"),
        ("fulfill", {"lines": []}, 422, "invalid"),
        ("fulfill", {"lines": [{"line_no": 1, "quantity": 0}]}, 422, "invalid"),
        ("pay", {"amount_minor": 0}, 422, "invalid"),
        ("pay", {"amount_minor": -5}, 422, "invalid"),
        ("pay", {"amount_minor": 1.0}, 422, "invalid"),
        ("pay", {"amount_minor": "5"}, 422, "invalid"),
        ("pay", {"amount_minor": True}, 422, "invalid"),
        ("pay", {"amount_minor": 2**53 + 1}, 422, "invalid"),
        ("pay", {"amount": 5}, 422, "invalid"),
        ("cancel", {"reason_id": "because"}, 422, "invalid"),
    ],
)
async def test_more_than_there_is_and_what_is_no_amount_are_refused(
    mitra: Mitra, orders: httpx.AsyncClient, verb: str, body: dict[str, Any], status: int, code: str
) -> None:
    order = await walk(orders, [("place", {}), ("pay", {"amount_minor": 400}), ("fulfill", HALF_OF_IT)])
    refused = await orders.post(f"/v1/orders/{order['id']}/{verb}", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await orders.get(f"/v1/orders/{order['id']}")).json() == order
    assert len(await mitra.outbox("pipeline")) == 4


async def test_money_and_goods_move_in_parts_and_each_event_says_how_much(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(lines=[make.line(), make.line(quantity=5, unit_price_minor=100)]))
    path: list[Step] = [
        ("pay", {"amount_minor": 1}),
        ("pay", {}),
        ("fulfill", {"lines": [{"line_no": 2, "quantity": 3}]}),
        ("fulfill", {}),
        ("refund", {"amount_minor": 200}),
        ("return", {"lines": [{"line_no": 2, "quantity": 1}, {"line_no": 1, "quantity": 2}]}),
        ("return", {}),
        ("refund", {}),
    ]
    for verb, body in path:
        order = await make.act(orders, order["id"], verb, **body)
    assert (order["paid_minor"], order["refunded_minor"]) == (1500, 1500)
    assert [(line["fulfilled_quantity"], line["returned_quantity"]) for line in order["lines"]] == [(2, 2), (5, 5)]
    events = (await mitra.outbox("pipeline"))[1:]
    assert [event.data["amount_minor"] for event in events if "amount_minor" in event.data] == [1, 1499, 200, 1300]
    moved = [[(line["line_no"], line["quantity"]) for line in event.data["lines"]] for event in events if "lines" in event.data]
    assert moved == [[(2, 3)], [(1, 2), (2, 2)], [(2, 1), (1, 2)], [(2, 4)]]
    assert [event.data["at"] for event in events if "at" in event.data] == [
        event.to_json().decode().split('"time":"')[1].split('"')[0] for event in events if "at" in event.data
    ]


@pytest.mark.parametrize(("verb", "field"), [("pay", "paid_minor"), ("refund", "refunded_minor")])
async def test_with_one_key_money_moves_once(mitra: Mitra, orders: httpx.AsyncClient, verb: str, field: str) -> None:
    order = await make.create(orders, make.placed())
    if verb == "refund":
        await make.act(orders, order["id"], "pay")
    path, body = f"/v1/orders/{order['id']}/{verb}", {"amount_minor": 300}
    before = len(await mitra.outbox("pipeline"))
    answers = [await orders.post(path, json=body, headers={"Idempotency-Key": "k1"}) for _ in range(3)]
    assert {(answer.status_code, answer.content, answer.headers["etag"]) for answer in answers} == {
        (200, answers[0].content, answers[0].headers["etag"])
    }
    assert (await orders.get(f"/v1/orders/{order['id']}")).json()[field] == 300
    assert len(await mitra.outbox("pipeline")) == before + 1
    other = await orders.post(path, json={"amount_minor": 200}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    again = await orders.post(path, json=body, headers={"Idempotency-Key": "k2"})
    assert again.json()[field] == 600


async def test_of_fifty_refunds_of_one_at_once_ten_go_through_when_ten_were_paid(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(lines=None, total_minor=10, paid=True))
    answers = await asyncio.gather(*(orders.post(f"/v1/orders/{order['id']}/refund", json={"amount_minor": 1}) for _ in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 10, 409: 40}
    read = (await orders.get(f"/v1/orders/{order['id']}")).json()
    assert (read["refunded_minor"], read["payment_status"], read["version"]) == (10, "refunded", 11)
    events = (await mitra.outbox("pipeline"))[1:]
    assert [(event.sequence, event.data["state"]["refunded_minor"]) for event in events] == [(n + 1, n) for n in range(1, 11)]


async def test_forty_payments_at_once_with_one_key_pay_once(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed())
    path = f"/v1/orders/{order['id']}/pay"
    answers = await asyncio.gather(*(orders.post(path, json={"amount_minor": 10}, headers={"Idempotency-Key": "once"}) for _ in range(40)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"idempotency_key_in_use"}
    assert (await orders.get(f"/v1/orders/{order['id']}")).json()["paid_minor"] == 10


async def test_verbs_of_all_kinds_at_once_leave_a_state_that_their_events_explain(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(lines=[make.line(quantity=20, unit_price_minor=5)]))
    bodies = {"pay": {"amount_minor": 9}, "refund": {"amount_minor": 4}, "fulfill": HALF_OF_IT, "return": HALF_OF_IT}
    wanted = [verb for verb in bodies for _ in range(15)]
    answers = await asyncio.gather(*(orders.post(f"/v1/orders/{order['id']}/{verb}", json=bodies[verb]) for verb in wanted))
    done = Counter(verb for verb, answer in zip(wanted, answers, strict=True) if answer.status_code == 200)
    assert {answer.status_code for answer in answers} <= {200, 409}
    read = (await orders.get(f"/v1/orders/{order['id']}")).json()
    assert (read["paid_minor"], read["refunded_minor"]) == (9 * done["pay"], 4 * done["refund"])
    assert read["lines"][0]["fulfilled_quantity"] == done["fulfill"]
    assert read["lines"][0]["returned_quantity"] == done["return"]
    events = await mitra.outbox("pipeline")
    assert [event.sequence for event in events] == list(range(1, done.total() + 2))
    assert events[-1].data["state"]["paid_minor"] == read["paid_minor"]
