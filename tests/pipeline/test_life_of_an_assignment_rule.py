"""Assignment rules themselves: drafted, changed, active and retired, listed and refused."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.harness import Mitra
from tests.pipeline.make_assignment import ANN, BEN, CAT, draft, open_lead, rule


@pytest.fixture
def sales(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("pipeline", mitra.caller(tenant_id))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"filter": "colour = 1"}, "/filter"),
        ({"filter": "owner_id = me"}, "/filter"),
        ({"filter": "status ="}, "/filter"),
        ({"targets": []}, "/targets"),
        ({"targets": [{"user_id": ANN}, {"user_id": ANN}]}, "/targets"),
        ({"targets": [{"user_id": ANN, "weight": 0}]}, "/targets/0/weight"),
        ({"max_share_bps": 4_999, "targets": [{"user_id": ANN}, {"user_id": BEN}]}, "/max_share_bps"),
        ({"strategy": "capacity"}, "/strategy"),
        ({"noun": "orders"}, "/noun"),
    ],
)
async def test_a_rule_that_could_give_nothing_is_refused(
    mitra: Mitra, sales: httpx.AsyncClient, fields: dict[str, Any], pointer: str
) -> None:
    refused = await sales.post("/v1/assignment-rules", json=rule(ANN, **fields))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await mitra.outbox("pipeline") == []
    if "noun" not in fields:
        drafted = await draft(sales, ANN)
        changed = await sales.patch(f"/v1/assignment-rules/{drafted['id']}", json=fields, headers={"If-Match": "*"})
        assert (changed.status_code, changed.json()["errors"][0]["pointer"]) == (422, pointer)
        assert (await sales.get(f"/v1/assignment-rules/{drafted['id']}")).json() == drafted


async def test_a_rule_changes_with_one_event_that_names_the_fields_and_keeps_its_filter_to_itself(
    mitra: Mitra, sales: httpx.AsyncClient
) -> None:
    drafted = await draft(sales, ANN, filter='source = "zqcanary"')
    path = f"/v1/assignment-rules/{drafted['id']}"
    fields = {"filter": 'source != "zqcanary"', "order": 7, "strategy": "direct", "external_ids": [{"source": "old", "id": "1"}]}
    for _ in range(2):
        changed = (await sales.patch(path, json=fields, headers={"If-Match": "*"})).json()
    assert {name: changed[name] for name in fields} == fields
    active = (await sales.post(f"{path}/activate")).json()
    events = await mitra.outbox("pipeline")
    assert [(e.type.split(".")[2], e.sequence, e.data["changed"]) for e in events] == [
        ("created", 1, []),
        ("changed", 2, ["external_ids", "filter", "order", "strategy"]),
        ("changed", 3, ["status"]),
    ]
    assert events[-1].data["state"] == {name: active[name] for name in events[-1].data["state"]}
    assert active.keys() - events[-1].data["state"].keys() == {"filter", "version", "updated_at"}
    assert not any("zqcanary" in event.to_json().decode() for event in events)
    assert (await sales.patch(path, json={"order": 1}, headers={"If-Match": "1"})).status_code == 412
    assert (await sales.patch(path, json={"order": 1})).status_code == 428


@pytest.mark.parametrize(
    ("state", "verb", "after"),
    [
        ("draft", "activate", "active"),
        ("draft", "retire", None),
        ("active", "activate", None),
        ("active", "retire", "retired"),
        ("retired", "activate", None),
        ("retired", "retire", None),
    ],
)
async def test_a_verb_that_fits_makes_its_state_and_any_other_is_refused(
    mitra: Mitra, sales: httpx.AsyncClient, state: str, verb: str, after: str | None
) -> None:
    drafted = await draft(sales, ANN)
    path = f"/v1/assignment-rules/{drafted['id']}"
    for step in {"draft": [], "active": ["activate"], "retired": ["activate", "retire"]}[state]:
        await sales.post(f"{path}/{step}")
    before = len(await mitra.outbox("pipeline"))
    answer = await sales.post(f"{path}/{verb}")
    told = [event.type for event in (await mitra.outbox("pipeline"))[before:]]
    if after:
        assert (answer.status_code, answer.json()["status"], told) == (200, after, ["pipeline.assignment_rule.changed.v1"])
    else:
        assert (answer.status_code, answer.json()["code"], told) == (409, "wrong_state", [])
    if state == "retired":
        fixed = await sales.patch(path, json={"order": 1}, headers={"If-Match": "*"})
        assert (fixed.status_code, fixed.json()["code"]) == (409, "wrong_state")


async def test_rules_are_listed_batched_archived_and_restored(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    key = {"source": "old", "id": "1"}
    operations: list[dict[str, Any]] = [
        {"op": "create", "data": rule(ANN, order=3)},
        {"op": "create", "data": rule(ANN, filter="nonsense = 1")},
        {"op": "upsert", "key": key, "data": rule(BEN, order=1, strategy="direct")},
    ]
    answer = (await sales.post("/v1/assignment-rules/batch", json={"operations": operations})).json()["results"]
    assert [each["status"] for each in answer] == [201, 422, 201]
    again = {"operations": [{"op": "upsert", "key": key, "data": rule(BEN, order=5)}, {"op": "archive", "id": answer[0]["id"]}]}
    results = (await sales.post("/v1/assignment-rules/batch", json=again)).json()["results"]
    assert [(each["status"], each["version"]) for each in results] == [(200, 2), (200, 2)]
    last = await draft(sales, CAT, order=2)
    for query, found in (
        ({}, [last["id"], answer[2]["id"]]),
        ({"order_by": "-order"}, [answer[2]["id"], last["id"]]),
        ({"order_by": "created_at"}, [answer[2]["id"], last["id"]]),
        ({"order_by": "-updated_at"}, [last["id"], answer[2]["id"]]),
        ({"filter": 'order > 2 AND noun = "leads" AND strategy = "round_robin" AND status = "draft"'}, [answer[2]["id"]]),
    ):
        listed = (await sales.get("/v1/assignment-rules", params=query)).json()["items"]
        assert [each["id"] for each in listed] == found
    restored = (await sales.post(f"/v1/assignment-rules/{answer[0]['id']}/restore")).json()
    assert (restored["archived_at"], restored["version"]) == (None, 3)
    stranger = mitra.client("pipeline", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.post(f"/v1/assignment-rules/{last['id']}/activate")).status_code == 404
    assert (await open_lead(stranger))["owner_id"] is None


async def test_a_rule_cannot_ask_for_what_is_owner_held(sales: httpx.AsyncClient) -> None:
    body = rule(ANN, noun="opportunities", filter='name = "Lamps"')
    refused = await sales.post("/v1/assignment-rules", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/filter")
