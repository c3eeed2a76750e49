"""Routing over HTTP: rules, dry runs, what happens by itself, and the reasons in the event."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.tickets import make
from tests.tickets.test_queues import know
from tickets_svc.tickets import operations
from tickets_svc.tickets.schemas import TicketCreate

AT_STAKE = "value_at_risk_minor > 50000"


async def activate(desk: httpx.AsyncClient, strategy: str, **fields: Any) -> dict[str, Any]:
    """An active rule."""
    made = await make.post(desk, "/v1/routing-rules", {"name": strategy, "strategy": strategy, **fields}, status=201)
    return await make.post(desk, f"/v1/routing-rules/{made['id']}/activate", {})


async def assigned(mitra: Mitra) -> list[dict[str, Any]]:
    return [event.data for event in await mitra.outbox("tickets") if event.type == "tickets.ticket.assigned.v1"]


@pytest.fixture
async def agents(desk: httpx.AsyncClient) -> dict[str, str]:
    """A junior and a senior, by the name under which tests know them."""
    found = {}
    for name, level in (("junior", 1), ("senior", 5)):
        user = str(new_id())
        agent = await make.agent(desk, user, capacity=2, skills=[{"key": "lamps", "level": level}])
        found |= {name: user, f"{name}_id": agent["id"]}
    return found


async def test_a_ticket_that_was_being_opened_while_the_first_rule_was_activated_is_routed_too(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, agents: dict[str, str]
) -> None:
    async with mitra.session("tickets", tenant_id) as session:
        ticket = await operations.open_ticket(session, TicketCreate.model_validate(make.ticket()))
        await activate(desk, "least_busy")
        await mitra.drain()
        await session.commit()
    mitra.clock.advance(minutes=1)
    await mitra.drain()
    read = (await desk.get(f"/v1/tickets/{ticket.id}")).json()
    assert read["assignee_id"] in agents.values()


async def test_the_next_ticket_of_a_customer_at_risk_goes_to_the_senior_with_the_reasons(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, agents: dict[str, str]
) -> None:
    rule = await activate(desk, "expected_loss", filter=AT_STAKE, position=1)
    await activate(desk, "least_busy", targets={"agent_ids": [agents["junior_id"]]}, position=2)
    rich = await know(mitra, tenant_id, loss_minor=90_000, churn_bps=4_500, lifetime_value_minor=200_000)
    poor = await know(mitra, tenant_id, loss_minor=10, churn_bps=100, lifetime_value_minor=1_000)
    tickets = [await make.create(desk, contact_id=contact_id) for contact_id in (poor, rich)]
    before = await mitra.outbox("tickets")
    shown = await make.post(desk, "/v1/routing-rules/run?dry_run=true", {})
    assert await mitra.outbox("tickets") == before
    assert {each["ticket_id"]: each["assignee_id"] for each in shown["decisions"]} == {
        tickets[0]["id"]: agents["junior"],
        tickets[1]["id"]: agents["senior"],
    }
    run = await make.post(desk, "/v1/routing-rules/run", {})
    assert (run["decisions"], run["considered"], run["dry_run"]) == (shown["decisions"], 2, False)
    read = [(await desk.get(f"/v1/tickets/{ticket['id']}")).json() for ticket in tickets]
    assert [(each["assignee_id"], each["status"]) for each in read] == [(agents["junior"], "open"), (agents["senior"], "open")]
    event = next(each for each in await assigned(mitra) if each["state"]["id"] == tickets[1]["id"])
    assert (event["rule_id"], event["strategy"], event["expected_loss_minor"]) == (rule["id"], "expected_loss", 90_000)
    reasons = {reason["code"]: reason["number"] for reason in event["reasons"]}
    assert reasons == {"expected_loss_minor": 90_000, "churn_bps": 4_500, "lifetime_value_minor": 200_000, "agent_level": 5}


async def test_what_is_opened_is_routed_by_itself_and_what_found_no_room_when_there_is_room(
    mitra: Mitra, desk: httpx.AsyncClient, agents: dict[str, str]
) -> None:
    await activate(desk, "round_robin")
    tickets = [await make.create(desk) for _ in range(5)]
    await mitra.drain()
    read = [(await desk.get(f"/v1/tickets/{ticket['id']}")).json() for ticket in tickets]
    assert sorted(each["assignee_id"] for each in read[:4]) == sorted([agents["junior"], agents["senior"]] * 2)
    assert [each["assignee_id"] for each in read[:2]] == [each["assignee_id"] for each in read[2:4]]
    assert read[4]["assignee_id"] is None
    await make.act(desk, read[1]["id"], "resolve")
    await mitra.drain()
    assert (await desk.get(f"/v1/tickets/{tickets[4]['id']}")).json()["assignee_id"] == read[1]["assignee_id"]


async def test_a_case_beyond_the_floor_goes_before_the_richest(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, agents: dict[str, str]
) -> None:
    await make.post(desk, f"/v1/agents/{agents['junior_id']}/presence", {"presence": "away"})
    await activate(desk, "expected_loss", fairness_floor_minutes=60)
    rich, richer, poor = [await know(mitra, tenant_id, loss_minor=loss, churn_bps=1) for loss in (500, 900, 1)]
    for contact_id, clock in ((rich, "08:59"), (richer, "08:58"), (poor, "07:30")):
        await make.create(desk, contact_id=contact_id, opened_at=f"2026-03-02T{clock}:00Z")
    run = await make.post(desk, "/v1/routing-rules/run", {})
    assert [decision["expected_loss_minor"] for decision in run["decisions"]] == [1, 900]
    assert run["decisions"][0]["reasons"][0]["code"] == "waited_beyond_floor_seconds"


async def test_a_ticket_is_routed_on_demand_by_ticket_and_customer(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, agents: dict[str, str]
) -> None:
    queue = await make.queue(desk)
    contact_id = await know(mitra, tenant_id, loss_minor=None, tier="top", country="DE")
    fields = {"filter": 'tier = "top" AND type = "complaint" AND severity >= 3', "targets": {"queue_id": queue["id"]}}
    await activate(desk, "direct", **fields)
    plain = await make.create(desk, contact_id=contact_id)
    assert (await make.act(desk, plain["id"], "route"))["queue_id"] is None
    grave = await make.create(desk, contact_id=contact_id, type="complaint", complaint={"severity": 3})
    routed = await make.act(desk, grave["id"], "route")
    assert (routed["queue_id"], routed["assignee_id"], routed["version"]) == (queue["id"], None, 2)
    assert (await make.act(desk, grave["id"], "route"))["version"] == 2
    await make.act(desk, grave["id"], "resolve")
    assert (await desk.post(f"/v1/tickets/{grave['id']}/route", json={})).json()["code"] == "wrong_state"


async def test_runs_and_pulls_at_once_never_exceed_a_capacity(mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID) -> None:
    queue = await make.queue(desk)
    users = [new_id() for _ in range(20)]
    for user in users:
        await make.agent(desk, user, capacity=2)
    await activate(desk, "least_busy", filter="queue_id != null")
    await make.batch(desk, [{"op": "create", "data": make.ticket(queue_id=queue["id"])} for _ in range(60)])
    clients = [mitra.client("tickets", mitra.caller(tenant_id, user_id=user)) for user in users]
    pulls = [client.post(f"/v1/queues/{queue['id']}/pull") for client in clients for _ in range(2)]
    answers = await asyncio.gather(*pulls[:20], *(desk.post("/v1/routing-rules/run") for _ in range(3)), *pulls[20:])
    assert {answer.status_code for answer in answers} <= {200, 204}
    given = [each["state"]["assignee_id"] for each in await assigned(mitra)]
    assert sorted(given) == sorted(str(user) for user in users for _ in range(2))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"filter": "colour = 1"}, "/filter"),
        ({"filter": "owner_id = me"}, "/filter"),
        ({"strategy": "luck"}, "/strategy"),
        ({"targets": {"queue_id": str(new_id())}}, ""),
        ({"fairness_floor_minutes": 0}, "/fairness_floor_minutes"),
    ],
)
async def test_a_rule_that_cannot_be_is_refused(mitra: Mitra, desk: httpx.AsyncClient, fields: dict[str, Any], pointer: str) -> None:
    refused = await desk.post("/v1/routing-rules", json={"name": "a", "strategy": "least_busy", **fields})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await mitra.outbox("tickets") == []


async def test_a_rule_is_drafted_changed_activated_and_retired_with_one_event_each(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    wanted = f'subject_line : "{make.CANARY}"'
    rule = await make.post(desk, "/v1/routing-rules", {"name": "a", "strategy": "least_busy", "filter": wanted}, status=201)
    path = f"/v1/routing-rules/{rule['id']}"
    patch = {"position": 3, "targets": {"skills": [{"key": "lamps", "level": 2}]}}
    changed = await desk.patch(path, json=patch, headers={"If-Match": '"1"'})
    assert (changed.json()["position"], changed.json()["targets"]["skills"], changed.json()["filter"]) == (
        3,
        patch["targets"]["skills"],
        wanted,
    )  # type: ignore[index]
    refused = await desk.patch(path, json={"targets": {"queue_id": str(new_id())}}, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/targets")
    for verb in ("archive", "restore", "activate", "retire"):
        rule = await make.post(desk, f"{path}/{verb}", {})
    for verb in ("activate", "retire"):
        assert (await desk.post(f"{path}/{verb}")).json()["code"] == "wrong_state"
    events = await mitra.outbox("tickets")
    facts = ["created", "changed", "archived", "restored", "changed", "changed"]
    assert [(name, sequence) for name, sequence, _ in make.told(events)] == list(zip(facts, range(1, 7), strict=True))
    assert not any(make.CANARY in event.to_json().decode() for event in events)
    owner_held = {"filter", "version", "updated_at"}
    assert events[-1].data["state"] == {name: value for name, value in rule.items() if name not in owner_held}


async def test_a_batch_of_rules_and_their_list_by_position(desk: httpx.AsyncClient) -> None:
    rules = [
        {"op": "upsert", "key": {"source": "old", "id": str(p)}, "data": {"name": "a", "strategy": "direct", "position": p}} for p in (2, 1)
    ]
    bad = {"op": "create", "data": {"name": "a", "strategy": "direct", "filter": "("}}
    results = (await make.post(desk, "/v1/routing-rules/batch", {"operations": [*rules, bad]}))["results"]
    assert [each["status"] for each in results] == [201, 201, 422]
    again = (await make.post(desk, "/v1/routing-rules/batch", {"operations": rules}))["results"]
    assert [(each["status"], each["version"]) for each in again] == [(200, 1), (200, 1)]
    assert [each["position"] for each in (await desk.get("/v1/routing-rules")).json()["items"]] == [1, 2]
