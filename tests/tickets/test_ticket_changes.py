"""Changes of a ticket without a verb, batches, and what is refused."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.harness import Mitra
from tests.tickets import make


async def test_what_a_patch_changed_is_in_the_most_telling_event(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    path = f"/v1/tickets/{ticket['id']}"
    for version, patch in enumerate([{"topic": "lamps"}, {"priority": "urgent", "tags": ["a"]}, {"priority": "urgent", "topic": None}], 1):
        changed = await desk.patch(path, json=patch, headers={"If-Match": f'"{version}"'})
        assert changed.status_code == 200, changed.text
    unchanged = await desk.patch(path, json={"topic": None, "tags": ["a"]}, headers={"If-Match": '"4"'})
    assert (unchanged.status_code, unchanged.json()["version"]) == (200, 4)
    events = await mitra.outbox("tickets")
    assert make.told(events)[1:] == [("updated", 2, ["topic"]), ("priority_changed", 3, ["priority", "tags"]), ("updated", 4, ["topic"])]
    assert (events[2].data["from"], events[2].data["to"]) == ("normal", "urgent")


async def test_a_complaint_is_known_better_field_by_field(desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk, type="complaint")
    path, any_version = f"/v1/tickets/{ticket['id']}", {"If-Match": "*"}
    refused = await desk.patch(path, json={"complaint": {"justified": True}}, headers=any_version)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/complaint/severity")
    for patch in ({"severity": 3, "demanded": "refund"}, {"justified": True}, {"demanded": None}):
        changed = await desk.patch(path, json={"complaint": patch}, headers=any_version)
    assert changed.json()["complaint"] == {"severity": 3, "root_cause": None, "justified": True, "demanded": None}
    found = (await desk.get("/v1/tickets", params={"filter": "severity >= 3"})).json()["items"]
    assert [each["id"] for each in found] == [ticket["id"]]
    assert (await desk.patch(path, json={"complaint": None}, headers=any_version)).json()["complaint"] is None
    assert (await desk.get("/v1/tickets", params={"filter": "severity = null"})).json()["items"] != []


async def test_a_route_tells_the_queue_it_left(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    queues = [(await make.queue(desk))["id"] for _ in range(2)]
    for queue in (queues[0], queues[0], queues[1]):
        routed = await make.act(desk, ticket["id"], "route", queue_id=queue)
    assert (routed["queue_id"], routed["status"]) == (queues[1], "new")
    events = [event for event in await mitra.outbox("tickets") if event.type == "tickets.ticket.queue_changed.v1"]
    told = [(event.data["from"], event.data["to"]) for event in events]
    assert told == [(None, queues[0]), (queues[0], queues[1])]


async def test_an_escalation_goes_up_and_never_down(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    await make.act(desk, ticket["id"], "escalate", reason="no_answer")
    raised = await make.act(desk, ticket["id"], "escalate", level=4)
    assert (raised["status"], raised["escalation_level"]) == ("open", 4)
    assert (await desk.post(f"/v1/tickets/{ticket['id']}/escalate", json={"level": 4})).status_code == 422
    told = [(event.data["level"], event.data["reason"]) for event in (await mitra.outbox("tickets"))[1:]]
    assert told == [(1, "no_answer"), (4, None)]


async def test_watching_is_told_once(mitra: Mitra, desk: httpx.AsyncClient, me: UUID) -> None:
    ticket = await make.create(desk)
    for watching in (True, True, False, False):
        watched = await make.act(desk, ticket["id"], "watch", watching=watching)
    assert (watched["watchers"], watched["version"]) == ([], 3)
    assert (await make.act(desk, ticket["id"], "watch"))["watchers"] == [str(me)]
    found = (await desk.get("/v1/tickets", params={"filter": f'watchers : "{me}"'})).json()["items"]
    assert len(found) == 1


async def test_archive_and_restore_are_told_once_each(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    for verb in ("archive", "archive", "restore", "restore", "archive"):
        await make.act(desk, ticket["id"], verb)
    facts = [name for name, _, _ in make.told(await mitra.outbox("tickets"))]
    assert facts == ["opened", "archived", "restored", "archived"]
    assert (await desk.get("/v1/tickets")).json()["items"] == []


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"subject_line": " "}, "/subject_line", "string_too_short"),
        ({"subject_line": None}, "/subject_line", "string_type"),
        ({"opened_at": "2026-03-02T09:06:00Z"}, "/opened_at", "in_the_future"),
        ({"opened_at": "1899-12-31T00:00:00Z"}, "/opened_at", "too_early"),
        ({"complaint": {"severity": 5}}, "/complaint/severity", "less_than_equal"),
        ({"complaint": {"severity": 1, "text": "x"}}, "/complaint/text", "extra_forbidden"),
        ({"links": [{"ticket_id": "x", "kind": "a"}]}, "/links/0/ticket_id", "uuid_parsing"),
        ({"checklist": [{"item_no": 1, "text": "a"}] * 2}, "/checklist", "item_twice"),
        ({"type": "wish"}, "/type", "literal_error"),
        ({"status": "closed"}, "/status", "extra_forbidden"),
    ],
)
async def test_a_ticket_that_cannot_be_is_refused_and_leaves_nothing(
    mitra: Mitra, desk: httpx.AsyncClient, fields: dict[str, Any], pointer: str, code: str
) -> None:
    refused = await desk.post("/v1/tickets", json=make.ticket(**fields))
    assert refused.status_code == 422
    assert (refused.json()["errors"][0]["pointer"], refused.json()["errors"][0]["code"]) == (pointer, code)
    assert (await mitra.outbox("tickets"), (await desk.get("/v1/tickets")).json()["items"]) == ([], [])


@pytest.mark.parametrize(
    ("verb", "body", "code"),
    [
        ("resolve", {"at": "2026-03-02T07:59:59Z"}, "before_opened"),
        ("resolve", {"at": "2026-03-02T09:10:00Z"}, "in_the_future"),
        ("wait", {"until": "2026-03-01T00:00:00Z"}, "before_it_begins"),
        ("wait", {"status": "resolved"}, "literal_error"),
        ("route", {"queue_id": "first"}, "uuid_parsing"),
    ],
)
async def test_a_verb_with_an_instant_that_cannot_be_is_refused(
    desk: httpx.AsyncClient, verb: str, body: dict[str, Any], code: str
) -> None:
    ticket = await make.create(desk, opened_at="2026-03-02T08:00:00Z")
    await make.act(desk, ticket["id"], "assign")
    refused = await desk.post(f"/v1/tickets/{ticket['id']}/{verb}", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)


async def test_a_patch_says_which_version_it_read_and_a_repeat_is_answered_once(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    first = await desk.post("/v1/tickets", json=make.ticket(topic="a"), headers={"Idempotency-Key": "one"})
    again = await desk.post(
        "/v1/tickets", content=first.request.content, headers={"Idempotency-Key": "one", "Content-Type": "application/json"}
    )
    assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), '"1"')
    path = f"/v1/tickets/{first.json()['id']}"
    assert (await desk.patch(path, json={"topic": "b"})).status_code == 428
    assert (await desk.patch(path, json={"topic": "b"}, headers={"If-Match": '"2"'})).status_code == 412
    assert (await desk.post("/v1/tickets", json=make.ticket(), headers={"Idempotency-Key": "one"})).status_code == 422
    assert len(await mitra.outbox("tickets")) == 1


async def test_a_batch_opens_knows_and_changes_tickets_by_their_external_id(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    born = [make.upsert(str(key), opened_at="2025-01-01T00:00:00Z", topic="lamps") for key in range(3)]
    results = await make.batch(desk, born)
    assert [(each["status"], each["version"]) for each in results] == [(201, 1)] * 3
    again = await make.batch(desk, [*born[:2], make.upsert("2", topic="sofas"), make.upsert("3"), make.upsert("3", topic="x")])
    assert [(each["status"], each["version"]) for each in again] == [(200, 1), (200, 1), (200, 2), (201, 1), (409, None)]
    assert again[4]["problem"]["code"] == "changed_twice"
    assert [each["id"] for each in again[:3]] == [each["id"] for each in results]
    taken = await make.batch(
        desk,
        [{"op": "create", "data": {"subject_line": "x", "external_ids": [{"source": "old", "id": "1"}]}}, {"op": "create", "data": {}}],
    )
    assert [(each["status"], each["problem"]["code"]) for each in taken] == [(409, "external_id_taken"), (422, "invalid")]
    singles: list[dict[str, Any]] = [
        {"op": "update", "id": results[0]["id"], "if_match": 1, "data": {"priority": "low"}},
        {"op": "update", "id": results[0]["id"], "if_match": 1, "data": {"priority": "high"}},
        {"op": "archive", "id": results[1]["id"]},
    ]
    assert [each["status"] for each in await make.batch(desk, singles)] == [200, 412, 200]
    facts = [(name, sequence) for name, sequence, _ in make.told(await mitra.outbox("tickets"))]
    assert facts == [("opened", 1)] * 3 + [("opened", 1), ("updated", 2), ("priority_changed", 2), ("archived", 2)]
