"""What a ticket says of itself through its life, over HTTP and in its events."""

import asyncio
import random
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.tickets import make
from tickets_svc.tickets import rules


async def test_a_case_is_opened_taken_waited_with_solved_and_closed_with_one_event_each(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, me: UUID
) -> None:
    ticket = await make.create(desk, opened_at="2026-03-02T08:00:00Z")
    assert (ticket["number"], ticket["status"], ticket["version"]) == (1, "new", 1)
    ticket = await make.act(desk, ticket["id"], "assign", at="2026-03-02T08:10:00Z")
    assert (ticket["status"], ticket["assignee_id"]) == ("open", str(me))
    await make.act(desk, ticket["id"], "wait", at="2026-03-02T08:20:00Z")
    await make.act(desk, ticket["id"], "continue", at="2026-03-02T08:50:30Z")
    ticket = await make.act(desk, ticket["id"], "resolve", at="2026-03-02T09:00:00Z")
    assert (ticket["status"], ticket["resolved_at"]) == ("resolved", "2026-03-02T09:00:00Z")
    events = await mitra.outbox("tickets")
    assert make.told(events) == [
        ("opened", 1, []),
        ("assigned", 2, ["assignee_id", "status", "status_since"]),
        ("status_changed", 3, ["status", "status_since"]),
        ("status_changed", 4, ["status", "status_since"]),
        ("resolved", 5, ["resolved_at", "status", "status_since"]),
    ]
    assert [event.time for event in events] == [
        datetime.fromisoformat(f"2026-03-02T{at}Z") for at in ("08:00:00", "08:10:00", "08:20:00", "08:50:30", "09:00:00")
    ]
    assert {event.partition_key for event in events} == {f"{tenant_id}:{ticket['contact_id']}"}
    assert events[1].data["waited_seconds"] == 600
    waited = events[3].data
    assert (waited["from"], waited["to"], waited["seconds_in_from"]) == ("pending_customer", "open", 1830)
    assert events[4].data["seconds_elapsed"] == 3600
    mitra.clock.advance(days=7, seconds=-10)
    await mitra.drain()
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "resolved"
    mitra.clock.advance(seconds=20)
    await mitra.drain(jobs=True)
    closed = (await desk.get(f"/v1/tickets/{ticket['id']}")).json()
    assert (closed["status"], closed["closed_at"], closed["version"]) == ("closed", "2026-03-09T09:00:00Z", 6)


async def test_waiting_ends_by_itself_when_its_time_has_come_and_not_when_the_ticket_moved_on(
    mitra: Mitra, desk: httpx.AsyncClient
) -> None:
    left, moved = [await make.create(desk) for _ in range(2)]
    for ticket in (left, moved):
        await make.act(desk, ticket["id"], "assign")
        waiting = await make.act(desk, ticket["id"], "wait", status="on_hold", until="2026-03-03T09:00:00Z")
        assert (waiting["status"], waiting["pending_until_at"]) == ("on_hold", "2026-03-03T09:00:00Z")
    await make.act(desk, moved["id"], "continue")
    await make.act(desk, moved["id"], "wait", status="pending_third_party", until="2026-03-05T09:00:00Z")
    await mitra.drain()
    mitra.clock.advance(days=2)
    await mitra.drain()
    left, moved = [(await desk.get(f"/v1/tickets/{ticket['id']}")).json() for ticket in (left, moved)]
    assert (left["status"], left["pending_until_at"], left["status_since"]) == ("open", None, "2026-03-03T09:00:00Z")
    assert (moved["status"], moved["version"]) == ("pending_third_party", 5)


async def test_a_resolved_ticket_that_was_reopened_is_not_closed(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    await make.act(desk, ticket["id"], "resolve")
    mitra.clock.advance(days=6)
    reopened = await make.act(desk, ticket["id"], "reopen")
    assert [reopened[name] for name in ("status", "resolved_at", "reopened_count")] == ["open", None, 1]
    assert (await mitra.outbox("tickets"))[-1].data["seconds_elapsed"] == 6 * 86_400
    mitra.clock.advance(days=2)
    await mitra.drain()
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "open"


async def test_who_comes_back_after_long_gets_a_new_ticket_that_names_the_old(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    old = await make.create(desk, priority="high", tags=["lamp"])
    await make.act(desk, old["id"], "resolve")
    mitra.clock.advance(days=8)
    await mitra.drain()
    mitra.clock.advance(days=29)
    new = await make.act(desk, old["id"], "reopen")
    assert (new["id"] != old["id"], new["number"], new["status"]) == (True, 2, "new")
    assert [new[name] for name in ("subject_line", "contact_id", "priority", "tags")] == [
        old[name] for name in ("subject_line", "contact_id", "priority", "tags")
    ]
    assert new["links"] == [{"ticket_id": old["id"], "kind": "reopened_from"}]
    (event,) = await mitra.outbox("tickets")
    assert (event.type, event.data["reopened_from_id"]) == ("tickets.ticket.opened.v1", old["id"])


async def test_what_was_closed_lately_is_reopened_itself(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    await make.act(desk, ticket["id"], "resolve")
    mitra.clock.advance(days=8)
    await mitra.drain()
    mitra.clock.advance(days=28)
    reopened = await make.act(desk, ticket["id"], "reopen")
    assert [reopened[name] for name in ("id", "status", "closed_at", "resolved_at")] == [ticket["id"], "open", None, None]


@pytest.mark.parametrize("status", make.WAYS)
@pytest.mark.parametrize("verb", ["assign", "escalate", "wait", "continue", "resolve", "reopen"])
async def test_a_verb_that_does_not_fit_is_refused_and_tells_nothing(mitra: Mitra, desk: httpx.AsyncClient, status: str, verb: str) -> None:
    ticket = await make.create(desk)
    for way in make.WAYS[status]:
        ticket = await make.act(desk, ticket["id"], way)
    before = await mitra.outbox("tickets")
    answer = await desk.post(f"/v1/tickets/{ticket['id']}/{verb}", json={"level": 1} if verb == "escalate" else {})
    if status in rules.FITS[verb]:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert all(word in answer.json()["detail"] for word in (status, *rules.verbs_that_fit(status)))
    assert await mitra.outbox("tickets") == before
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json() == ticket


@pytest.mark.parametrize("seed", range(6))
async def test_any_walk_through_the_verbs_can_be_read_from_the_events(mitra: Mitra, desk: httpx.AsyncClient, seed: int) -> None:
    """Law: whatever is asked in whatever order, the last event is the read, and each version is one event."""
    dice = random.Random(seed)
    queues = [(await make.queue(desk))["id"] for _ in range(3)]
    ticket = await make.create(desk, checklist=[{"item_no": 1, "text": make.CANARY}])
    path = f"/v1/tickets/{ticket['id']}"
    for _ in range(30):
        verb = dice.choice(["assign", "route", "escalate", "wait", "wait", "continue", "resolve", "reopen", "watch", "archive", "restore"])
        body: dict[str, Any] = {"queue_id": dice.choice(queues)} if verb == "route" else {}
        if verb == "assign":
            body = {"assignee_id": str(new_id())}
        answer = await desk.post(f"{path}/{verb}", json=body)
        assert answer.status_code in (200, 409)
        if dice.random() < 0.3:
            answer = await desk.patch(path, json={"priority": dice.choice(["low", "high"])}, headers={"If-Match": "*"})
            assert answer.status_code == 200
        read = (await desk.get(path)).json()
        events = [event for event in await mitra.outbox("tickets") if event.subject == f"ticket/{ticket['id']}"]
        assert events[-1].data["state"] == make.public(read)
        assert [event.sequence for event in events] == list(range(1, read["version"] + 1))
        assert events[-1].recorded_at == datetime.fromisoformat(read["updated_at"])
    assert len({event.partition_key for event in events}) == 1


async def test_a_hundred_concurrent_writers_leave_versions_without_holes(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    watchers = [str(new_id()) for _ in range(50)]
    calls = [desk.post(f"/v1/tickets/{ticket['id']}/watch", json={"user_id": watcher}) for watcher in watchers]
    calls += [desk.post(f"/v1/tickets/{ticket['id']}/escalate", json={}) for _ in range(50)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {200}
    read = (await desk.get(f"/v1/tickets/{ticket['id']}")).json()
    assert (set(read["watchers"]), read["escalation_level"], read["version"]) == (set(watchers), 50, 101)
    events = await mitra.outbox("tickets")
    assert [event.sequence for event in events] == list(range(1, 102))
    assert [event.recorded_at for event in events] == sorted(event.recorded_at for event in events)
    assert events[-1].data["state"] == make.public(read)


async def test_what_people_write_stays_with_its_owner(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk, subject_line=make.CANARY, checklist=[{"item_no": 1, "text": make.CANARY}])
    changes = {"subject_line": f"{make.CANARY} too", "checklist": [{"item_no": 1, "text": f"{make.CANARY} call", "done": True}]}
    changed = await desk.patch(f"/v1/tickets/{ticket['id']}", json=changes, headers={"If-Match": '"1"'})
    assert (changed.json()["subject_line"], changed.json()["checklist"][0]["text"]) == (f"{make.CANARY} too", f"{make.CANARY} call")
    events = await mitra.outbox("tickets")
    assert make.told(events) == [("opened", 1, []), ("updated", 2, ["checklist", "subject_line"])]
    assert not any(make.CANARY in event.to_json().decode() for event in events)
