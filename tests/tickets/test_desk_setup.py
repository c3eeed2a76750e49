"""The std verbs of queues and agents, and presence: what each changes and tells."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.tickets import make

NOUNS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "queue": ({"name": "First level", "team_ids": [str(new_id())], "tier": 1}, {"name": "Second level", "team_ids": []}, "changed"),
    "agent": ({"user_id": str(new_id()), "skills": [{"key": "lamps", "level": 3}]}, {"capacity": 3, "languages": ["de"]}, "updated"),
    "mailbox": ({"name": "Help", "address": "help@desk.example"}, {"name": "Service", "address": "service@desk.example"}, "changed"),
}
PATHS = {"queue": "queues", "agent": "agents", "mailbox": "mailboxes"}
OWNER_HELD = {"version", "updated_at", "presence", "presence_since", "address"}


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_record_is_made_changed_hidden_and_shown_with_one_event_each(mitra: Mitra, desk: httpx.AsyncClient, noun: str) -> None:
    body, patch, change = NOUNS[noun]
    made = await make.post(desk, f"/v1/{PATHS[noun]}", body, status=201)
    path = f"/v1/{PATHS[noun]}/{made['id']}"
    assert {name: made[name] for name in body} == body
    changed = await desk.patch(path, json=patch, headers={"If-Match": '"1"'})
    assert {name: changed.json()[name] for name in patch} == patch
    again = await desk.patch(path, json=patch, headers={"If-Match": '"2"'})
    assert again.json()["version"] == 2
    assert (await desk.patch(path, json=patch)).status_code == 428
    assert (await desk.patch(path, json=patch, headers={"If-Match": '"1"'})).status_code == 412
    for verb in ("archive", "archive", "restore", "restore", "retire"):
        await make.post(desk, f"{path}/{verb}", {})
    assert (await desk.post(f"{path}/retire")).status_code == 409
    read = (await desk.get(path)).json()
    events = await mitra.outbox("tickets")
    assert [(event.type.split(".")[2], event.sequence) for event in events] == [
        ("created", 1),
        (change, 2),
        ("archived", 3),
        ("restored", 4),
        (change, 5),
    ]
    assert events[1].data["changed"] == sorted(patch)
    assert events[-1].data["state"] == {name: value for name, value in read.items() if name not in OWNER_HELD}


@pytest.mark.parametrize("noun", NOUNS)
async def test_a_batch_knows_records_by_their_external_id(desk: httpx.AsyncClient, noun: str) -> None:
    body, patch, _ = NOUNS[noun]
    upsert = {"op": "upsert", "key": {"source": "hr", "id": "7"}}
    for fields, expected in ((body, (201, 1)), (body, (200, 1)), (body | patch, (200, 2))):
        (result,) = (await make.post(desk, f"/v1/{PATHS[noun]}/batch", {"operations": [{**upsert, "data": fields}]}))["results"]
        assert (result["status"], result["version"]) == expected
    assert [each["id"] for each in (await desk.get(f"/v1/{PATHS[noun]}")).json()["items"]] == [result["id"]]
    found = (await make.post(desk, f"/v1/{PATHS[noun]}/search", {"filter": 'status = "active"', "order_by": "-updated_at"}))["items"]
    assert [each["id"] for each in found] == [result["id"]]
    (gone,) = (await make.post(desk, f"/v1/{PATHS[noun]}/batch", {"operations": [{"op": "archive", "id": result["id"]}]}))["results"]
    assert (gone["status"], (await desk.get(f"/v1/{PATHS[noun]}")).json()["items"]) == (200, [])


async def test_a_user_is_one_agent(mitra: Mitra, desk: httpx.AsyncClient, me: UUID) -> None:
    await make.agent(desk, me)
    refused = await desk.post("/v1/agents", json={"user_id": str(me)})
    assert (refused.status_code, refused.json()["code"]) == (409, "user_is_agent")
    assert (await desk.post("/v1/agents", json={"user_id": str(me), "skills": [{"key": "a", "level": 6}]})).status_code == 422
    assert (await desk.post("/v1/agents", json={"user_id": str(me), "skills": [{"key": "a", "level": 1}] * 2})).status_code == 422


async def test_each_change_of_presence_is_a_fact_with_the_seconds_of_what_was_before(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, me: UUID
) -> None:
    agent = await make.agent(desk, me, presence="offline")
    path = f"/v1/agents/{agent['id']}/presence"
    for presence, minutes in (("available", 10), ("available", 5), ("away", 0)):
        shown = await make.post(desk, path, {"presence": presence})
        mitra.clock.advance(minutes=minutes)
    assert (shown["presence"], shown["version"]) == ("away", 1)
    assert (await desk.get(f"/v1/agents/{agent['id']}")).json()["presence"] == "away"
    facts = [event for event in await mitra.outbox("tickets") if event.type == "tickets.agent.presence_changed.v1"]
    assert [(fact.data["from"], fact.data["to"], fact.data["seconds"]) for fact in facts] == [
        ("offline", "available", 0),
        ("available", "away", 900),
    ]
    assert {fact.sequence for fact in facts} == {1}
    assert {fact.partition_key for fact in facts} == {f"{tenant_id}:{agent['id']}"}
    assert facts[1].data["state"]["agent_id"] == agent["id"]
    assert (await desk.post(path, json={"presence": "asleep"})).status_code == 422
