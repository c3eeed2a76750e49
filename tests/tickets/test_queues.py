"""Queues: which case comes next, for whom, and that nobody gets more than fits."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from services.identifiers import new_id
from services.references import ContactReference
from tests.harness import Mitra
from tests.tickets import make


async def know(mitra: Mitra, tenant_id: UUID, *, loss_minor: int | None, churn_bps: int | None = None, **known: Any) -> str:
    """A contact of whom analytics said what may be lost."""
    contact_id = new_id()
    async with mitra.session("tickets", tenant_id) as session:
        row = {"tenant_id": tenant_id, "contact_id": contact_id, "value_at_risk_minor": loss_minor, "churn_bps": churn_bps, **known}
        await session.execute(insert(ContactReference).values(row))
        await session.commit()
    return str(contact_id)


async def pull(desk: httpx.AsyncClient, queue: dict[str, Any]) -> str | None:
    """The subject line of the case that the caller is given."""
    answer = await desk.post(f"/v1/queues/{queue['id']}/pull")
    assert answer.status_code in (200, 204), answer.text
    return None if answer.status_code == 204 else str(answer.json()["subject_line"])


async def test_the_most_urgent_comes_first_then_the_oldest(mitra: Mitra, desk: httpx.AsyncClient, me: UUID) -> None:
    queue, other = [await make.queue(desk) for _ in range(2)]
    await make.agent(desk, me)
    for line, priority, hour in (("old", "normal", 6), ("new", "normal", 8), ("late", "urgent", 7), ("low", "low", 5)):
        await make.create(desk, subject_line=line, priority=priority, queue_id=queue["id"], opened_at=f"2026-03-02T0{hour}:00:00Z")
    await make.create(desk, subject_line="elsewhere", queue_id=other["id"])
    assert [await pull(desk, queue) for _ in range(5)] == ["late", "old", "new", "low", None]
    assigned = [event for event in await mitra.outbox("tickets") if event.type == "tickets.ticket.assigned.v1"]
    assert [event.data["state"]["status"] for event in assigned] == ["open"] * 4
    assert [event.data["strategy"] for event in assigned] == ["pull_priority"] * 4
    assert [event.data["waited_seconds"] // 3600 for event in assigned] == [2, 3, 1, 4]


async def test_what_may_be_lost_comes_first_but_nobody_waits_beyond_the_floor(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, me: UUID
) -> None:
    queue = await make.queue(desk, pull_by="expected_loss", fairness_floor_minutes=120)
    await make.agent(desk, me)
    cases = [
        ("poor", 10, "08:00"),
        ("rich", 90_000, "08:30"),
        ("unknown", None, "07:30"),
        ("forgotten", 1, "06:59"),
        ("dropped", None, "06:58"),
    ]
    for line, loss, clock in cases:
        contact_id = await know(mitra, tenant_id, loss_minor=loss, churn_bps=loss and 4_000, lifetime_value_minor=loss and loss * 10 // 4)
        await make.create(desk, subject_line=line, contact_id=contact_id, queue_id=queue["id"], opened_at=f"2026-03-02T{clock}:00Z")
    assert [await pull(desk, queue) for _ in range(5)] == ["dropped", "forgotten", "rich", "poor", "unknown"]
    assigned = [event.data for event in await mitra.outbox("tickets") if event.type == "tickets.ticket.assigned.v1"]
    assert [each["expected_loss_minor"] for each in assigned] == [None, 1, 90_000, 10, None]
    reasons = [{reason["code"]: reason["number"] for reason in each["reasons"]} for each in assigned]
    assert reasons[0].keys() == {"no_score", "waited_beyond_floor_seconds"}
    assert reasons[2] == {"expected_loss_minor": 90_000, "churn_bps": 4_000, "lifetime_value_minor": 225_000}
    assert assigned[2]["state"]["value_at_risk_minor"] == 90_000


async def test_two_hundred_agents_pulling_at_once_never_exceed_a_capacity_and_never_share_a_case(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID
) -> None:
    queue = await make.queue(desk)
    users = [new_id() for _ in range(200)]
    capacities = {str(user): number % 3 for number, user in enumerate(users)}
    born = [{"op": "create", "data": {"user_id": user, "capacity": capacity}} for user, capacity in capacities.items()]
    made = (await make.post(desk, "/v1/agents/batch", {"operations": born}))["results"]
    await asyncio.gather(*(make.post(desk, f"/v1/agents/{each['id']}/presence", {"presence": "available"}) for each in made))
    cases = [{"op": "create", "data": make.ticket(queue_id=queue["id"])} for _ in range(250)]
    await make.batch(desk, cases)
    clients = {str(user): mitra.client("tickets", mitra.caller(tenant_id, user_id=user)) for user in users}
    pulls = [clients[str(user)].post(f"/v1/queues/{queue['id']}/pull") for _ in range(3) for user in users]
    answers = await asyncio.gather(*pulls)
    assert {answer.status_code for answer in answers} == {200, 204}
    given = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(given) == len({ticket["id"] for ticket in given}) == sum(capacities.values()) == 199
    assert Counter(ticket["assignee_id"] for ticket in given) == Counter({user: n for user, n in capacities.items() if n})
    assert len([event for event in await mitra.outbox("tickets") if event.type == "tickets.ticket.assigned.v1"]) == 199


async def test_fewer_cases_than_agents_are_given_once_each(mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID) -> None:
    queue = await make.queue(desk)
    users = [new_id() for _ in range(20)]
    for user in users:
        await make.agent(desk, user, capacity=5)
    await make.batch(desk, [{"op": "create", "data": make.ticket(queue_id=queue["id"])} for _ in range(7)])
    clients = [mitra.client("tickets", mitra.caller(tenant_id, user_id=user)) for user in users]
    answers = await asyncio.gather(*(client.post(f"/v1/queues/{queue['id']}/pull") for client in clients))
    given = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    assert len(given) == len(set(given)) == 7


@pytest.mark.parametrize("presence", ["busy", "away", "offline"])
async def test_who_is_not_there_is_given_nothing(desk: httpx.AsyncClient, me: UUID, presence: str) -> None:
    queue = await make.queue(desk)
    await make.create(desk, queue_id=queue["id"])
    assert (await desk.post(f"/v1/queues/{queue['id']}/pull")).json()["code"] == "not_an_agent"
    await make.agent(desk, me, presence=presence)
    refused = await desk.post(f"/v1/queues/{queue['id']}/pull")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_available")


async def test_a_resolved_case_makes_room_for_the_next(desk: httpx.AsyncClient, me: UUID) -> None:
    queue = await make.queue(desk)
    await make.agent(desk, me, capacity=1)
    first, second = [await make.create(desk, subject_line=line, queue_id=queue["id"]) for line in ("first", "second")]
    assert [await pull(desk, queue), await pull(desk, queue)] == ["first", None]
    await make.act(desk, first["id"], "resolve")
    assert await pull(desk, queue) == "second"
    assert (await desk.get(f"/v1/tickets/{second['id']}")).json()["assignee_id"] == str(me)


async def test_nothing_goes_into_a_queue_that_is_not_there_or_retired(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    queue = await make.queue(desk)
    waiting = await make.create(desk, queue_id=queue["id"])
    assert (await make.post(desk, f"/v1/queues/{queue['id']}/retire", {}))["status"] == "retired"
    assert (await desk.post(f"/v1/queues/{queue['id']}/retire")).json()["code"] == "wrong_state"
    for queue_id in (queue["id"], str(new_id())):
        refused = await desk.post("/v1/tickets", json=make.ticket(queue_id=queue_id))
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_queue")
        assert (await desk.post(f"/v1/tickets/{waiting['id']}/route", json={"queue_id": queue_id})).status_code == 422
    facts = [event.type.split(".")[1:3] for event in await mitra.outbox("tickets")]
    assert facts == [["queue", "created"], ["ticket", "opened"], ["queue", "changed"]]
