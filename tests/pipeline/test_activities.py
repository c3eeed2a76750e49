"""Activities from plan to done, over HTTP and in their events."""

import itertools
import random
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.envelope import Envelope
from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline.make_activities import act, call, patch, plan, read

CANARY = "zqcanary"
OWNER_HELD = {"subject", "outcome", "notes", "version", "updated_at"}
WAYS: dict[str, list[str]] = {"planned": [], "in_progress": ["start"], "done": ["start", "complete"], "cancelled": ["cancel"]}
FITTING = {
    "planned": {"start": "in_progress", "reschedule": "planned", "cancel": "cancelled"},
    "in_progress": {"complete": "done"},
    "done": {},
    "cancelled": {},
}
VERBS = ("start", "complete", "cancel", "reschedule")
FACTS = {"start": "started", "complete": "completed", "cancel": "cancelled", "reschedule": "rescheduled"}


def public(activity: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in activity.items() if name not in OWNER_HELD}


def told(events: list[Envelope]) -> list[tuple[str, int, list[str]]]:
    return [(event.type.split(".")[2], event.sequence, event.data["changed"]) for event in events]


async def test_a_call_is_planned_begun_and_done_with_one_event_each(mitra: Mitra, activities: httpx.AsyncClient, tenant_id: UUID) -> None:
    contacts, deal = [str(new_id()), str(new_id())], str(new_id())
    activity = await plan(
        activities,
        contact_ids=[*contacts, contacts[0]],
        about={"type": "opportunity", "id": deal},
        direction="outbound",
        purpose="sale",
        due_at="2026-03-05T12:00:00+01:00",
    )
    assert (activity["status"], activity["contact_ids"], activity["contact_id"]) == ("planned", contacts, contacts[0])
    assert (activity["about"], activity["due_at"]) == ({"type": "opportunity", "id": deal}, "2026-03-05T11:00:00Z")
    await act(activities, activity["id"], "start", at="2026-03-01T10:00:00Z")
    done = await act(activities, activity["id"], "complete", at="2026-03-01T10:12:30Z", outcome="She wants an offer")
    assert (done["status"], done["started_at"], done["done_at"]) == ("done", "2026-03-01T10:00:00Z", "2026-03-01T10:12:30Z")
    events = await mitra.outbox("pipeline")
    assert told(events) == [
        ("planned", 1, []),
        ("started", 2, ["started_at", "status"]),
        ("completed", 3, ["done_at", "outcome", "status"]),
    ]
    assert (events[2].time, events[2].data["seconds"]) == (datetime.fromisoformat("2026-03-01T10:12:30Z"), 750)
    assert {event.partition_key for event in events} == {f"{tenant_id}:{contacts[0]}"}
    assert events[2].data["state"] == public(done)


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(WAYS, VERBS)))
async def test_a_verb_that_fits_makes_its_state_and_any_other_is_refused(
    mitra: Mitra, activities: httpx.AsyncClient, state: str, verb: str
) -> None:
    activity = await plan(activities, starts_at="2026-03-04T09:00:00Z")
    for step in WAYS[state]:
        activity = await act(activities, activity["id"], step)
    before = len(await mitra.outbox("pipeline"))
    body = {"starts_at": "2026-03-05T09:00:00Z"} if verb == "reschedule" else {}
    answer = await activities.post(f"/v1/activities/{activity['id']}/{verb}", json=body)
    events = (await mitra.outbox("pipeline"))[before:]
    if verb in FITTING[state]:
        assert (answer.status_code, answer.json()["status"]) == (200, FITTING[state][verb])
        assert [event.type for event in events] == [f"pipeline.activity.{FACTS[verb]}.v1"]
    else:
        assert (answer.status_code, answer.json()["code"], events) == (409, "wrong_state", [])
        assert answer.json()["state"] == state
        assert set(answer.json()["verbs_that_fit"]) == set(FITTING[state])


async def run_timers(mitra: Mitra) -> None:
    async with mitra.databases["pipeline"].engine.connect() as connection:
        while await mitra.workers["pipeline"].jobs.step(connection):
            pass


async def test_planned_work_that_is_not_begun_in_time_is_flagged_once_by_its_timer(mitra: Mitra, activities: httpx.AsyncClient) -> None:
    due = await plan(activities, due_at="2026-03-03T09:00:00Z")
    meeting = await plan(activities, kind="meeting", starts_at="2026-03-03T08:00:00Z", ends_at="2026-03-03T09:30:00Z")
    begun = await plan(activities, due_at="2026-03-03T09:00:00Z")
    hidden = await plan(activities, due_at="2026-03-03T09:00:00Z")
    await act(activities, begun["id"], "start")
    await act(activities, hidden["id"], "archive")
    before = len(await mitra.outbox("pipeline"))
    await run_timers(mitra)
    assert len(await mitra.outbox("pipeline")) == before
    mitra.clock.advance(hours=24)
    await run_timers(mitra)
    (event,) = (await mitra.outbox("pipeline"))[before:]
    assert (event.type, event.subject, event.sequence) == ("pipeline.activity.overdue.v1", f"activity/{due['id']}", 2)
    assert (event.time, event.data["changed"]) == (datetime.fromisoformat("2026-03-03T09:00:00Z"), ["overdue_since"])
    assert (event.data["state"]["status"], event.data["state"]["overdue_since"]) == ("planned", "2026-03-03T09:00:00Z")
    mitra.clock.advance(days=1)
    await run_timers(mitra)
    found = (await activities.get("/v1/activities", params={"filter": "overdue_since != null"})).json()["items"]
    assert [(each["id"], each["overdue_since"]) for each in found] == [
        (meeting["id"], "2026-03-03T09:30:00Z"),
        (due["id"], "2026-03-03T09:00:00Z"),
    ]
    await act(activities, hidden["id"], "restore")
    await run_timers(mitra)
    assert (await read(activities, hidden["id"]))["overdue_since"] == "2026-03-03T09:00:00Z"
    assert len(await mitra.outbox("pipeline")) == before + 4


async def test_work_that_was_rescheduled_is_no_longer_overdue_until_its_new_time(mitra: Mitra, activities: httpx.AsyncClient) -> None:
    activity = await plan(activities, due_at="2026-03-01T09:00:00Z")
    await run_timers(mitra)
    moved = await act(activities, activity["id"], "reschedule", due_at="2026-03-04T09:00:00Z", starts_at="2026-03-03T09:00:00Z")
    assert (moved["overdue_since"], moved["due_at"], moved["starts_at"]) == (None, "2026-03-04T09:00:00Z", "2026-03-03T09:00:00Z")
    same = await act(activities, activity["id"], "reschedule", due_at="2026-03-04T09:00:00Z")
    assert same == moved
    await run_timers(mitra)
    assert (await read(activities, activity["id"]))["overdue_since"] is None
    mitra.clock.advance(days=3)
    await run_timers(mitra)
    assert told(await mitra.outbox("pipeline")) == [
        ("planned", 1, []),
        ("overdue", 2, ["overdue_since"]),
        ("rescheduled", 3, ["due_at", "overdue_since", "starts_at"]),
        ("overdue", 4, ["overdue_since"]),
    ]


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"ends_at": "2026-03-04T09:00:00Z"}, "before_start"),
        ({"starts_at": "2026-03-04T09:00:00Z", "ends_at": "2026-03-04T08:59:59Z"}, "before_start"),
    ],
)
async def test_an_end_needs_a_start_before_it(mitra: Mitra, activities: httpx.AsyncClient, times: dict[str, Any], code: str) -> None:
    refused = await activities.post("/v1/activities", json=call(**times))
    assert (refused.status_code, refused.json()["errors"][0]) == (422, refused.json()["errors"][0] | {"pointer": "/ends_at", "code": code})
    activity = await plan(activities)
    assert (await activities.post(f"/v1/activities/{activity['id']}/reschedule", json=times)).status_code == 422
    assert await read(activities, activity["id"]) == activity
    results = await batch(activities, [{"op": "create", "data": call(**times)}, {"op": "create", "data": call()}])
    assert [each["status"] for each in results] == [422, 201]
    assert results[0]["problem"]["errors"][0]["pointer"] == "/operations/0/data/ends_at"
    assert len(await mitra.outbox("pipeline")) == 2


@pytest.mark.parametrize(
    ("verb", "at", "code"),
    [
        ("start", "2026-03-02T09:06:00Z", "in_the_future"),
        ("start", "1899-12-31T23:59:59Z", "too_early"),
        ("complete", "2026-03-01T09:59:59Z", "too_early"),
        ("complete", "2026-03-02T09:06:00Z", "in_the_future"),
    ],
)
async def test_an_instant_that_cannot_be_is_refused(activities: httpx.AsyncClient, verb: str, at: str, code: str) -> None:
    activity = await plan(activities)
    if verb == "complete":
        await act(activities, activity["id"], "start", at="2026-03-01T10:00:00Z")
    refused = await activities.post(f"/v1/activities/{activity['id']}/{verb}", json={"at": at})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)


async def test_fields_change_with_one_event_that_names_them_and_nothing_changed_is_no_event(
    mitra: Mitra, activities: httpx.AsyncClient
) -> None:
    contact, owner = str(new_id()), str(new_id())
    activity = await plan(activities, notes="old")
    fields = {"kind": "visit", "contact_ids": [contact], "owner_id": owner, "notes": None, "about": {"type": "lead", "id": contact}}
    changed = (await patch(activities, activity, **fields)).json()
    assert {name: changed[name] for name in fields} == fields
    assert (changed["contact_id"], changed["subject"]) == (contact, "Ask how it goes")
    again = await patch(activities, changed, **fields)
    assert (again.status_code, again.json()) == (200, changed)
    assert told(await mitra.outbox("pipeline"))[1:] == [("updated", 2, ["about", "contact_id", "contact_ids", "kind", "notes", "owner_id"])]
    assert (await patch(activities, activity, purpose="sale")).status_code == 412
    assert (await activities.patch(f"/v1/activities/{activity['id']}", json={})).status_code == 428
    for wrong in ({"subject": None}, {"starts_at": "2026-03-01T10:00:00Z"}, {"kind": "dance"}, {"status": "done"}, {"contact_ids": None}):
        assert (await patch(activities, changed, **wrong)).status_code == 422


async def test_what_people_write_stays_with_its_owner(mitra: Mitra, activities: httpx.AsyncClient) -> None:
    activity = await plan(activities, subject=f"{CANARY} subject", notes=f"{CANARY} notes")
    await act(activities, activity["id"], "start")
    done = await act(activities, activity["id"], "complete", outcome=f"{CANARY} outcome", notes=f"{CANARY} more")
    changed = (await patch(activities, done, subject=f"{CANARY} again", outcome=f"{CANARY} other")).json()
    assert [changed[name] for name in ("subject", "outcome", "notes")] == [f"{CANARY} again", f"{CANARY} other", f"{CANARY} more"]
    await batch(activities, [{"op": "upsert", "key": {"source": "old", "id": "1"}, "data": call(subject=CANARY, notes=CANARY)}])
    events = await mitra.outbox("pipeline")
    assert len(events) == 5
    assert not any(CANARY in event.to_json().decode() for event in events)


@pytest.mark.parametrize("seed", range(6))
async def test_any_walk_through_the_verbs_can_be_read_from_the_events(mitra: Mitra, activities: httpx.AsyncClient, seed: int) -> None:
    """Law: whatever is asked in whatever order, the last event is the read, and each accepted step is one version and one event."""
    dice = random.Random(seed)
    activity = await plan(activities, due_at="2026-03-02T12:00:00Z")
    versions = 1
    for step in range(25):
        verb = dice.choice(["start", "complete", "cancel", "reschedule", "reschedule", "archive", "restore", "patch", "wait"])
        if verb == "patch":
            present = await read(activities, activity["id"])
            answer = await patch(activities, present, purpose=dice.choice(["sale", "idea"]), notes=dice.choice(["a", None]))
        elif verb == "wait":
            mitra.clock.advance(hours=dice.randint(1, 8))
            await run_timers(mitra)
        else:
            body = {"due_at": f"2026-03-{dice.randint(2, 5):02}T12:00:00Z"} if verb == "reschedule" else {}
            answer = await activities.post(f"/v1/activities/{activity['id']}/{verb}", json=body)
            assert answer.status_code in (200, 409)
        present = await read(activities, activity["id"])
        events = await mitra.outbox("pipeline")
        assert events[-1].data["state"] == public(present), f"step {step}, {verb}"
        assert (present["version"], events[-1].sequence) == (len(events), len(events))
        assert present["version"] - versions in (0, 1)
        versions = present["version"]
        if events[1:]:
            before = events[-2].data["state"]
            assert {name for name, value in public(present).items() if before[name] != value} <= set(events[-1].data["changed"])


async def batch(activities: httpx.AsyncClient, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = await activities.post("/v1/activities/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


async def test_a_batch_plans_upserts_changes_and_archives(mitra: Mitra, activities: httpx.AsyncClient) -> None:
    first = await plan(activities)
    key = {"source": "old", "id": "7"}
    upsert = {"op": "upsert", "key": key, "data": call(due_at="2026-03-03T09:00:00Z")}
    operations: list[dict[str, Any]] = [
        {"op": "create", "data": call(due_at="2026-03-03T09:00:00Z")},
        {"op": "create", "data": call(kind="dance")},
        upsert,
        upsert,
        {"op": "update", "id": first["id"], "if_match": 1, "data": {"purpose": "idea"}},
        {"op": "update", "id": first["id"], "if_match": 1, "data": {"purpose": "sale"}},
        {"op": "archive", "id": str(new_id())},
    ]
    results = await batch(activities, operations)
    assert [each["status"] for each in results] == [201, 422, 201, 200, 200, 412, 404]
    assert results[2]["id"] == results[3]["id"]
    (again,) = await batch(activities, [upsert | {"data": call(purpose="sale", due_at="2026-03-09T09:00:00Z")}])
    assert (again["status"], again["id"], again["version"]) == (200, results[2]["id"], 2)
    kept = await read(activities, again["id"])
    assert (kept["purpose"], kept["due_at"], kept["external_ids"]) == ("sale", "2026-03-03T09:00:00Z", [key])
    mitra.clock.advance(days=2)
    await run_timers(mitra)
    found = (await activities.get("/v1/activities", params={"filter": "overdue_since != null"})).json()["items"]
    assert {each["id"] for each in found} == {results[0]["id"], results[2]["id"]}


async def test_the_same_key_plans_once_and_answers_the_same(mitra: Mitra, activities: httpx.AsyncClient) -> None:
    answers = [await activities.post("/v1/activities", json=call(), headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    path = f"/v1/activities/{answers[0].json()['id']}/start"
    begun = [await activities.post(path, json={}, headers={"Idempotency-Key": "s"}) for _ in range(2)]
    assert [each.status_code for each in begun] == [200, 200]
    assert begun[0].json() == begun[1].json()
    assert [event.type.split(".")[2] for event in await mitra.outbox("pipeline")] == ["planned", "started"]


async def test_activities_are_hidden_and_brought_back_with_one_event_each(mitra: Mitra, activities: httpx.AsyncClient) -> None:
    activity = await plan(activities)
    for verb in ("archive", "archive", "restore", "restore"):
        activity = await act(activities, activity["id"], verb)
        listed = (await activities.get("/v1/activities")).json()["items"]
        assert listed == ([activity] if activity["archived_at"] is None else [])
    assert told(await mitra.outbox("pipeline"))[1:] == [("archived", 2, ["archived_at"]), ("restored", 3, ["archived_at"])]


async def test_activities_of_another_tenant_are_not_there(mitra: Mitra, activities: httpx.AsyncClient) -> None:
    activity = await plan(activities)
    stranger = mitra.client("pipeline", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get("/v1/activities")).json()["items"] == []
    for verb in (*VERBS, "archive", "restore"):
        assert (await stranger.post(f"/v1/activities/{activity['id']}/{verb}", json={})).status_code == 404
    assert [each["status"] for each in await batch(stranger, [{"op": "archive", "id": activity["id"]}])] == [404]
