"""What an order says of itself through its life, over HTTP and in its events."""

import random
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.envelope import Envelope
from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline import make

OWNER_HELD = {"description", "version", "updated_at"}


def public(order: dict[str, Any]) -> dict[str, Any]:
    """What of a read is in events."""
    lines = [{name: value for name, value in line.items() if name not in OWNER_HELD} for line in order["lines"]]
    return {name: value for name, value in order.items() if name not in OWNER_HELD} | {"lines": lines}


def told(events: list[Envelope]) -> list[tuple[str, int, list[str]]]:
    return [(event.type.split(".")[2], event.sequence, event.data["changed"]) for event in events]


async def test_a_draft_is_placed_paid_delivered_and_completed_with_one_event_each(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.order())
    assert (order["status"], order["payment_status"], order["fulfilment_status"]) == ("draft", "unpaid", "none")
    assert (order["total_minor"], order["placed_at"], order["placed_on"]) == (1000, None, None)
    for verb in ("place", "pay", "fulfill", "complete"):
        order = await make.act(orders, order["id"], verb)
    assert (order["status"], order["payment_status"], order["fulfilment_status"]) == ("completed", "paid", "fulfilled")
    assert (order["paid_minor"], order["refunded_minor"], order["version"]) == (1000, 0, 5)
    assert told(await mitra.outbox("pipeline")) == [
        ("created", 1, []),
        ("placed", 2, ["placed_at", "placed_on", "status"]),
        ("paid", 3, ["paid_minor", "payment_status"]),
        ("fulfilled", 4, ["fulfilment_status", "lines"]),
        ("completed", 5, ["status"]),
    ]


async def test_an_order_born_placed_paid_and_fulfilled_is_one_event(mitra: Mitra, orders: httpx.AsyncClient, tenant_id: UUID) -> None:
    body = make.placed(placed_at="2026-02-27T23:30:00+01:00", paid=True, fulfilled=True, channel="shop")
    order = await make.create(orders, body)
    assert (order["status"], order["payment_status"], order["fulfilment_status"]) == ("placed", "paid", "fulfilled")
    (event,) = await mitra.outbox("pipeline")
    assert (event.type, event.sequence) == ("pipeline.order.placed.v1", 1)
    assert event.time == datetime.fromisoformat("2026-02-27T22:30:00Z")
    assert event.recorded_at == datetime.fromisoformat(order["created_at"])
    assert event.partition_key == f"{tenant_id}:{body['contact_id']}"
    assert (event.data["occurred_on"], event.data["state"]["placed_on"]) == ("2026-02-27", "2026-02-27")
    assert event.data["state"] == public(order)
    assert (event.data["state"]["paid_minor"], event.data["state"]["lines"][0]["fulfilled_quantity"]) == (1000, 2)


async def test_folding_the_events_of_an_order_gives_its_read(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.order(lines=[make.line(description=make.CANARY), make.line(unit_cost_minor=100)]))
    path = f"/v1/orders/{order['id']}"
    steps: list[tuple[str, dict[str, Any]]] = [
        ("place", {"at": "2026-02-01T10:00:00Z"}),
        ("pay", {"amount_minor": 700}),
        ("fulfill", {"lines": [{"line_no": 2, "quantity": 1}]}),
        ("refund", {"amount_minor": 300}),
        ("return", {}),
        ("archive", {}),
        ("restore", {}),
        ("pay", {"at": "2026-02-03T10:00:00Z"}),
        ("refund", {}),
        ("cancel", {"reason_id": str(new_id())}),
    ]
    for verb, body in steps:
        await make.act(orders, order["id"], verb, **body)
        changed = await orders.patch(path, json={"tags": [f"after-{verb}"]}, headers={"If-Match": "*"})
        assert changed.status_code == (409 if verb == "cancel" else 200)
        read = (await orders.get(path)).json()
        events = await mitra.outbox("pipeline")
        assert events[-1].data["state"] == public(read)
        assert (events[-1].sequence, events[-1].recorded_at) == (read["version"], datetime.fromisoformat(read["updated_at"]))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len({event.partition_key for event in events}) == 1


@pytest.mark.parametrize("seed", range(8))
async def test_any_walk_through_the_verbs_can_be_read_from_the_events(mitra: Mitra, orders: httpx.AsyncClient, seed: int) -> None:
    """Law: whatever is asked in whatever order, the last event is the read, and each accepted step is one version and one event."""
    dice = random.Random(seed)
    quantities = [dice.randint(1, 4) for _ in range(dice.randint(1, 3))]
    order = await make.create(orders, make.order(lines=[make.line(quantity=quantity) for quantity in quantities]))
    accepted = 0
    for _ in range(30):
        verb = dice.choice(["place", "pay", "pay", "fulfill", "fulfill", "refund", "refund", "return", "return", "complete", "cancel"])
        body: dict[str, Any] = {}
        if verb in ("pay", "refund") and dice.random() < 0.8:
            body = {"amount_minor": dice.randint(1, 900)}
        if verb in ("fulfill", "return") and dice.random() < 0.8:
            body = {"lines": [{"line_no": dice.randint(1, 3), "quantity": dice.randint(1, 2)}]}
        answer = await orders.post(f"/v1/orders/{order['id']}/{verb}", json=body)
        assert answer.status_code in (200, 409, 422)
        accepted += answer.status_code == 200
        read = (await orders.get(f"/v1/orders/{order['id']}")).json()
        events = await mitra.outbox("pipeline")
        assert events[-1].data["state"] == public(read)
        assert (read["version"], len(events), events[-1].sequence) == (1 + accepted,) + (1 + accepted,) * 2
        assert 0 <= read["refunded_minor"] <= read["paid_minor"] <= read["total_minor"]
        assert all(0 <= line["returned_quantity"] <= line["fulfilled_quantity"] <= line["quantity"] for line in read["lines"])


async def test_what_people_write_on_a_line_stays_with_its_owner(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(lines=[make.line(description=f"{make.CANARY} engraving")]))
    assert order["lines"][0]["description"] == f"{make.CANARY} engraving"
    lines = [make.line(description=f"{make.CANARY} other engraving")]
    changed = await orders.patch(f"/v1/orders/{order['id']}", json={"lines": lines}, headers={"If-Match": '"1"'})
    assert changed.json()["lines"][0]["description"] == f"{make.CANARY} other engraving"
    events = await mitra.outbox("pipeline")
    assert told(events) == [("placed", 1, []), ("changed", 2, ["lines"])]
    assert not any(make.CANARY in event.to_json().decode() for event in events)


async def test_verbs_may_be_told_late_and_carry_when_and_on_which_day_they_happened(mitra: Mitra) -> None:
    orders = mitra.client("pipeline", mitra.caller(await mitra.new_tenant(time_zone="America/New_York")))
    order = await make.create(orders, make.order())
    days = {
        "place": ("2026-01-10T03:30:00Z", "2026-01-09"),
        "pay": ("2026-01-11T12:00:00Z", "2026-01-11"),
        "fulfill": ("2026-01-12T04:59:59Z", "2026-01-11"),
        "refund": ("2026-01-13T05:00:00Z", "2026-01-13"),
        "return": ("2026-01-14T05:00:00Z", "2026-01-14"),
        "cancel": ("2026-01-15T04:00:00Z", "2026-01-14"),
    }
    for verb, (at, _) in days.items():
        await make.act(orders, order["id"], verb, at=at)
    told_days = {event.type.split(".")[2]: (event.time, event.data["occurred_on"]) for event in (await mitra.outbox("pipeline"))[1:]}
    facts = {"place": "placed", "pay": "paid", "fulfill": "fulfilled", "refund": "refunded", "return": "returned", "cancel": "cancelled"}
    assert told_days == {facts[verb]: (datetime.fromisoformat(at), day) for verb, (at, day) in days.items()}


@pytest.mark.parametrize(
    ("verb", "at", "code"),
    [
        ("pay", "2026-03-02T09:06:00Z", "in_the_future"),
        ("pay", "9999-12-31T23:59:59Z", "in_the_future"),
        ("pay", "1899-12-31T23:59:59Z", "too_early"),
        ("complete", "2026-02-28T11:59:59Z", "before_placed"),
        ("pay", "2026-03-01T09:00:00", "timezone_aware"),
        ("pay", "yesterday", "datetime_from_date_parsing"),
    ],
)
async def test_an_instant_that_cannot_be_is_refused(orders: httpx.AsyncClient, verb: str, at: str, code: str) -> None:
    order = await make.create(orders, make.placed(placed_at="2026-02-28T12:00:00Z"))
    refused = await orders.post(f"/v1/orders/{order['id']}/{verb}", json={"at": at})
    assert (refused.status_code, refused.json()["errors"][0]["code"], refused.json()["errors"][0]["pointer"]) == (422, code, "/at")


async def test_money_may_come_before_the_order_and_a_clock_may_be_a_little_ahead(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed(placed_at="2026-03-02T09:04:00Z"))
    await make.act(orders, order["id"], "pay", amount_minor=1, at="2026-03-01T00:00:00Z")
    await make.act(orders, order["id"], "refund")
    assert (await mitra.outbox("pipeline"))[-1].time == datetime.fromisoformat("2026-03-02T09:04:00Z")


async def test_archive_and_restore_are_told_once_each(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    order = await make.create(orders, make.placed())
    for verb in ("archive", "archive", "restore", "restore", "archive"):
        order = await make.act(orders, order["id"], verb)
    assert told(await mitra.outbox("pipeline"))[1:] == [
        ("archived", 2, ["archived_at"]),
        ("restored", 3, ["archived_at"]),
        ("archived", 4, ["archived_at"]),
    ]
    assert (await orders.get("/v1/orders")).json()["items"] == []
    assert (await orders.get(f"/v1/orders/{order['id']}")).json()["archived_at"] is not None
    assert (await make.act(orders, order["id"], "pay"))["payment_status"] == "paid"
