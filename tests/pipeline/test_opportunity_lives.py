"""The life of an opportunity: every verb in every state, gates, and what events and history tell."""

import asyncio
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.envelope import Envelope
from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline import make_catalogue as catalogue
from tests.pipeline import make_opportunities as make
from tests.pipeline.make_opportunities import Selling

VERBS = ("move", "win", "lose", "reopen")
LIVES: list[tuple[str, list[str], list[str]]] = [
    ("open", [], ["move", "win", "lose"]),
    ("open", ["move"], ["win", "lose"]),
    ("won", ["win"], ["reopen"]),
    ("lost", ["lose"], ["reopen"]),
    ("won", ["move", "win"], ["reopen"]),
    ("open", ["win", "reopen"], ["move", "win", "lose"]),
    ("lost", ["lose", "reopen", "lose"], ["reopen"]),
]
FACTS = {"move": "stage_changed", "win": "won", "lose": "lost", "reopen": "reopened"}
OWN = {"version", "updated_at", "name", "next_step"}


@pytest.fixture
async def sales(mitra: Mitra, orders: httpx.AsyncClient) -> Selling:
    return await make.selling(orders)


async def told(mitra: Mitra) -> list[Envelope]:
    """The events of opportunities."""
    return [event for event in await mitra.outbox("pipeline") if event.type.startswith("pipeline.opportunity.")]


def fold(events: list[Envelope]) -> dict[str, Any]:
    """The state after the events, with each event changing nothing but what it names."""
    state: dict[str, Any] = {}
    for event in events:
        after = event.data["state"]
        names = {name for name, value in after.items() if state.get(name, ...) != value}
        assert not state or names <= set(event.data["changed"]), event.type
        state = after
    return state


def public(opportunity: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in opportunity.items() if name not in OWN}


@pytest.mark.parametrize(("state", "steps", "fitting"), LIVES, ids=["-".join(steps) or "born" for _, steps, _ in LIVES])
async def test_every_verb_fits_a_state_or_is_refused_and_tells_nothing(
    mitra: Mitra, sales: Selling, state: str, steps: list[str], fitting: list[str]
) -> None:
    for verb in VERBS:
        opportunity = await sales.open()
        for step in steps:
            opportunity = await sales.act(opportunity["id"], step)
        assert opportunity["status"] == state
        before = len(await told(mitra))
        answer = await sales.client.post(f"/v1/opportunities/{opportunity['id']}/{verb}", json=sales.arguments(verb))
        after = await told(mitra)
        if verb in fitting:
            assert (answer.status_code, answer.headers["etag"]) == (200, f'"{opportunity["version"] + 1}"')
            assert (after[-1].type, len(after)) == (f"pipeline.opportunity.{FACTS[verb]}.v1", before + 1)
        elif verb == "move" and state == "open":
            assert (answer.json(), len(after)) == (opportunity, before), "it is in that stage already"
        else:
            problem = answer.json()
            assert (answer.status_code, problem["code"], problem["state"]) == (409, "wrong_state", state)
            assert problem["verbs_that_fit"] == {"open": ["move", "win", "lose"]}.get(state, ["reopen"])
            assert (await sales.read(opportunity["id"]), len(after)) == (opportunity, before)


async def test_a_sale_of_last_year_is_told_at_its_own_dates(mitra: Mitra, sales: Selling, tenant_id: UUID) -> None:
    contact, rival = str(new_id()), str(new_id())
    opportunity = await sales.open(contact_id=contact, opened_at="2025-03-01T10:00:00Z", next_step=make.CANARY)
    assert (opportunity["status"], opportunity["stage_id"], opportunity["probability_bps"]) == ("open", sales.stages["new"], 1_000)
    opportunity_id = opportunity["id"]
    await sales.act(opportunity_id, "move", at="2025-03-03T10:00:00Z")
    won = await sales.act(opportunity_id, "win", at="2025-03-10T10:00:01Z", reason_id=sales.reasons["won"], competitor_id=rival)
    assert (won["closed_at"], won["probability_bps"], won["reason_id"]) == ("2025-03-10T10:00:01Z", 10_000, sales.reasons["won"])
    back = await sales.act(opportunity_id, "reopen", at="2025-04-01T00:00:00Z", stage_id=sales.stages["talk"])
    assert (back["closed_at"], back["reason_id"], back["probability_bps"]) == (None, None, 4_000)
    lost = await sales.act(opportunity_id, "lose", at="2025-04-02T00:00:00Z")
    events = await told(mitra)
    special = [{name: value for name, value in event.data.items() if name not in ("state", "changed")} for event in events]
    new, talk = sales.stages["new"], sales.stages["talk"]
    assert special == [
        {"stage_id": new, "lead_id": None},
        {"from_stage_id": new, "to_stage_id": talk, "entered_from_at": "2025-03-01T10:00:00Z", "seconds_in_from": 172_800},
        {"from_stage_id": talk, "reason_id": sales.reasons["won"], "seconds_open": 777_601, "competitor_id": rival},
        {"to_stage_id": talk, "closed_as": "won"},
        {"from_stage_id": talk, "reason_id": sales.reasons["lost"], "seconds_open": 2_728_800, "competitor_id": None},
    ]
    assert [event.time for event in events] == [
        datetime.fromisoformat(at)
        for at in ("2025-03-01T10:00:00Z", "2025-03-03T10:00:00Z", "2025-03-10T10:00:01Z", "2025-04-01T00:00:00Z", "2025-04-02T00:00:00Z")
    ]
    assert {event.partition_key for event in events} == {f"{tenant_id}:{contact}"}
    assert fold(events) == public(lost) == public(await sales.read(opportunity_id))
    ends = ["2025-03-03T10:00:00Z", "2025-03-10T10:00:01Z", "2025-04-01T00:00:00Z", "2025-04-02T00:00:00Z", None]
    stays = await sales.history(opportunity_id)
    assert [stay["to_stage_id"] for stay in stays] == [new, talk, sales.stages["won"], talk, sales.stages["lost"]]
    assert [stay["from_stage_id"] for stay in stays] == [None, *(stay["to_stage_id"] for stay in stays[:-1])]
    assert [stay["left_at"] for stay in stays] == ends
    assert [stay["seconds"] for stay in stays] == [172_800, 604_801, 1_864_799, 86_400, None]


async def test_the_stay_in_the_present_stage_runs_on(sales: Selling) -> None:
    opportunity = await sales.open(opened_at="2026-02-28T09:00:00Z")
    (stay,) = await sales.history(opportunity["id"])
    assert (stay["left_at"], stay["seconds"]) == (None, 172_800)


def patches_of(user: str, product: str) -> list[dict[str, Any]]:
    """Changes of every field that a patch may change, each of which differs from what was before it."""
    return [
        {"name": f"{make.CANARY} 2"},
        {"next_step": f"{make.CANARY} 3", "expected_close_on": "2026-06-01"},
        {"lines": [{"product_id": product, "quantity": 3, "unit_price_minor": 333, "discount_bps": 500}]},
        {"splits": [{"user_id": user, "share_bps": 10_000}, {"user_id": user, "share_bps": 500, "kind": "overlay"}]},
        {"contact_roles": [{"contact_id": user, "role": "buyer"}], "competitor_ids": [product], "team_ids": [product]},
        {"recurring_amount_minor": 500, "recurring_interval": "month", "tags": ["a"], "channel": "indirect", "partner_id": user},
        {"probability_bps": 7_777},
        {"probability_bps": None, "external_ids": [{"source": "erp", "id": "7"}]},
        {"contact_id": None, "source": "fair", "campaign_id": user},
    ]


async def test_folding_the_events_of_an_opportunity_gives_its_read(mitra: Mitra, sales: Selling) -> None:
    opportunity = await sales.open(name=make.CANARY, next_step=make.CANARY, contact_id=str(new_id()))
    path = f"/v1/opportunities/{opportunity['id']}"
    patches = patches_of(str(new_id()), str(new_id()))
    for patch in patches:
        changed = await sales.client.patch(path, json=patch, headers={"If-Match": "*"})
        assert changed.status_code == 200, changed.text
        assert {name: changed.json()[name] for name in patch if name not in ("lines", "splits", "probability_bps")} == {
            name: value for name, value in patch.items() if name not in ("lines", "splits", "probability_bps")
        }
        again = await sales.client.patch(path, json=patch, headers={"If-Match": "*"})
        assert again.json() == changed.json()
    for verb in ("archive", "archive", "move", "restore", "restore"):
        await sales.act(opportunity["id"], verb)
    for number in (1, 1, 2):
        await sales.act(opportunity["id"], "assign", owner_id=str(UUID(int=number)), reasons=[{"code": "by_hand", "number": "0.5"}])
    read = await sales.read(opportunity["id"])
    assert (read["amount_minor"], read["lines"][0]["amount_minor"], read["probability_bps"], read["probability_source"]) == (
        949,
        949,
        4_000,
        "stage",
    )
    events = await told(mitra)
    assert [event.type.split(".")[2] for event in events] == [
        "created",
        *["updated"] * len(patches),
        "archived",
        "stage_changed",
        "restored",
        "assigned",
        "assigned",
    ]
    assert [event.sequence for event in events] == list(range(1, read["version"] + 1))
    assert events[1].data["changed"] == ["name"]
    assert (events[-1].data["from_owner_id"], events[-1].data["reasons"]) == (
        str(UUID(int=1)),
        [{"code": "by_hand", "number": "0.5"}],
    )
    assert fold(events) == public(read)
    assert [event.type for event in await mitra.outbox("pipeline") if make.CANARY in event.to_json().decode()] == []


async def test_a_gate_names_the_fields_that_are_missing(mitra: Mitra, orders: httpx.AsyncClient) -> None:
    gated = [
        catalogue.STAGES[0],
        catalogue.STAGES[1] | {"required_fields": ["contact_id", "expected_close_on", "amount_minor", "lines"]},
        catalogue.STAGES[2] | {"required_fields": ["splits"]},
        catalogue.STAGES[3],
    ]
    sales = await make.selling(orders, stages=gated)
    opportunity = await sales.open(amount_minor=0)
    path = f"/v1/opportunities/{opportunity['id']}"
    refused = [
        await orders.post(f"{path}/move", json=sales.arguments("move")),
        await orders.post(f"{path}/win", json={}),
        await orders.post("/v1/opportunities", json=sales.body(stage_id=sales.stages["talk"])),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(422, "fields_missing")] * 3
    assert [[error["pointer"] for error in answer.json()["errors"]] for answer in refused] == [
        ["/contact_id", "/expected_close_on", "/amount_minor", "/lines"],
        ["/splits"],
        ["/contact_id", "/expected_close_on", "/lines"],
    ]
    assert len(await told(mitra)) == 1
    filled = {
        "contact_id": str(new_id()),
        "expected_close_on": "2026-05-01",
        "lines": [{"product_id": str(new_id()), "unit_price_minor": 5}],
    }
    assert (await orders.patch(path, json=filled, headers={"If-Match": "1"})).status_code == 200
    assert (await sales.act(opportunity["id"], "move"))["stage_id"] == sales.stages["talk"]


async def test_a_stage_is_entered_by_its_roles_alone(mitra: Mitra, tenant_id: UUID) -> None:
    boss, clerk = ("boss",), ("clerk",)
    clients = {}
    for roles in (boss, clerk, ()):
        caller = mitra.caller(tenant_id)
        clients[roles] = mitra.client("pipeline", type(caller)(caller.tenant_id, caller.actor, caller.user_id, caller.scopes, (), roles))
    stages = [*catalogue.STAGES[:2], catalogue.STAGES[2] | {"allowed_roles": ["boss", "chief"]}, catalogue.STAGES[3]]
    sales = await make.selling(clients[boss], stages=stages)
    opportunity = await sales.open()
    for roles, status in ((clerk, 403), ((), 403), (boss, 200)):
        answer = await clients[roles].post(f"/v1/opportunities/{opportunity['id']}/win", json={})
        assert (answer.status_code, answer.json().get("code")) == (status, "stage_not_allowed" if status == 403 else None)
    assert len(await told(mitra)) == 2


@pytest.mark.parametrize(
    ("verb", "body", "pointer"),
    [
        ("lose", {"reason_id": None}, "/reason_id"),
        ("lose", {"reason_id": str(new_id())}, "/reason_id"),
        ("lose", {"reason_id": "won"}, "/reason_id"),
        ("win", {"reason_id": "lost"}, "/reason_id"),
        ("win", {"stage_id": "lost"}, "/stage_id"),
        ("move", {"stage_id": "won"}, "/stage_id"),
        ("move", {"stage_id": str(new_id())}, "/stage_id"),
        ("move", {"at": "2026-03-02T10:00:00Z"}, "/at"),
        ("move", {"at": "2026-02-28T23:59:59Z"}, "/at"),
        ("win", {"at": "1899-01-01T00:00:00Z"}, "/at"),
        ("assign", {"owner_id": None}, "/owner_id"),
        ("assign", {"owner_id": str(new_id()), "reasons": [{"code": "because she is nice"}]}, "/reasons/0/code"),
    ],
)
async def test_what_a_verb_cannot_mean_is_refused_where_it_is_wrong(
    mitra: Mitra, sales: Selling, verb: str, body: dict[str, Any], pointer: str
) -> None:
    opportunity = await sales.open(opened_at="2026-03-01T00:00:00Z")
    known = {"reason_id": sales.reasons, "stage_id": sales.stages}
    sent = {name: known.get(name, {}).get(str(value), value) if name in known else value for name, value in body.items()}
    refused = await sales.client.post(f"/v1/opportunities/{opportunity['id']}/{verb}", json=sales.arguments(verb) | sent)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert len(await told(mitra)) == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"pipeline_id": str(new_id())}, "/pipeline_id"),
        ({"stage_id": str(new_id())}, "/stage_id"),
        ({"opened_at": "2027-01-01T00:00:00Z"}, "/opened_at"),
        ({"name": ""}, "/name"),
        ({"amount_minor": -1}, "/amount_minor"),
        ({"amount_minor": 1.5}, "/amount_minor"),
        ({"lines": [{"product_id": str(new_id()), "unit_price_minor": 3}]}, "/amount_minor"),
        ({"lines": [{"product_id": str(new_id()), "quantity": 2**29, "unit_price_minor": 2**53}], "amount_minor": 1}, "/lines"),
        ({"splits": [{"user_id": str(new_id()), "share_bps": 9_999}]}, "/splits"),
        ({"splits": [{"user_id": str(UUID(int=1)), "share_bps": 5_000}] * 2}, "/splits"),
        ({"recurring_amount_minor": 5}, "/recurring_interval"),
        ({"contact_roles": [{"contact_id": str(new_id()), "role": "buyer", "note": "x"}]}, "/contact_roles/0/note"),
        ({"status": "won"}, "/status"),
    ],
)
async def test_what_is_no_opportunity_is_refused_where_it_is_wrong(
    mitra: Mitra, sales: Selling, fields: dict[str, Any], pointer: str
) -> None:
    refused = await sales.client.post("/v1/opportunities", json=sales.body(**fields))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await told(mitra) == []


async def test_retired_things_are_chosen_no_more(mitra: Mitra, sales: Selling) -> None:
    opportunity = await sales.open()
    await sales.client.post(f"/v1/reasons/{sales.reasons['lost']}/retire")
    path = f"/v1/opportunities/{opportunity['id']}"
    refused = await sales.client.post(f"{path}/lose", json=sales.arguments("lose"))
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "retired")
    stages = f"/v1/pipelines/{sales.pipeline['id']}/stages"
    assert (
        await sales.client.put(stages, json={"stages": [catalogue.STAGES[0], *catalogue.STAGES[2:]]}, headers={"If-Match": "1"})
    ).is_success
    refused = await sales.client.post(f"{path}/move", json=sales.arguments("move"))
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "retired")
    assert (await sales.client.post(f"/v1/pipelines/{sales.pipeline['id']}/retire")).is_success
    refused = await sales.client.post("/v1/opportunities", json=sales.body())
    assert (refused.status_code, refused.json()["code"]) == (409, "pipeline_retired")
    assert (await sales.act(opportunity["id"], "win"))["status"] == "won", "what is in a retired pipeline goes on"


async def test_an_opportunity_in_a_stage_that_was_retired_goes_on_from_there(sales: Selling) -> None:
    opportunity = await sales.open(stage_id=sales.stages["talk"])
    stages = f"/v1/pipelines/{sales.pipeline['id']}/stages"
    put = await sales.client.put(stages, json={"stages": [catalogue.STAGES[0], *catalogue.STAGES[2:]]}, headers={"If-Match": "1"})
    assert [stage["key"] for stage in put.json()["stages"] if stage["status"] == "retired"] == ["talk"]
    assert (await sales.read(opportunity["id"]))["stage_id"] == sales.stages["talk"]
    moved = await sales.act(opportunity["id"], "move", stage_id=sales.stages["new"])
    assert moved["stage_id"] == sales.stages["new"]


async def test_a_probability_by_hand_stays_over_moves_and_ends_with_the_end(mitra: Mitra, sales: Selling) -> None:
    opportunity = await sales.open(probability_bps=5_555)
    moved = await sales.act(opportunity["id"], "move")
    assert (moved["probability_bps"], moved["probability_source"]) == (5_555, "manual")
    lost = await sales.act(opportunity["id"], "lose")
    assert (lost["probability_bps"], lost["probability_source"]) == (0, "stage")
    refused = await sales.client.patch(f"/v1/opportunities/{opportunity['id']}", json={"probability_bps": 1}, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert len(await told(mitra)) == 3


async def test_a_hundred_writers_of_one_opportunity_leave_a_record_that_its_events_explain(mitra: Mitra, sales: Selling) -> None:
    opportunity = await sales.open()
    path = f"/v1/opportunities/{opportunity['id']}"

    async def write(number: int) -> int:
        verb = ("patch", "move", "assign", "win", "reopen", "lose", "back")[number % 7]
        if verb == "patch":
            answer = await sales.client.patch(path, json={"amount_minor": number}, headers={"If-Match": "*"})
        elif verb == "assign":
            answer = await sales.client.post(f"{path}/assign", json={"owner_id": str(UUID(int=number))})
        elif verb == "back":
            answer = await sales.client.post(f"{path}/move", json={"stage_id": sales.stages["new"]})
        else:
            answer = await sales.client.post(f"{path}/{verb}", json=sales.arguments(verb))
        return answer.status_code

    statuses = Counter(await asyncio.gather(*(write(number) for number in range(100))))
    assert set(statuses) <= {200, 409}
    read = await sales.read(opportunity["id"])
    events = await told(mitra)
    assert [event.sequence for event in events] == list(range(1, read["version"] + 1))
    assert fold(events) == public(read)
    stays = await sales.history(opportunity["id"])
    entered = [event for event in events if event.type.split(".")[2] in ("created", "stage_changed", "won", "lost", "reopened")]
    assert [stay["to_stage_id"] for stay in stays] == [event.data["state"]["stage_id"] for event in entered]
    assert [stay["entered_at"] for stay in stays] == sorted(event.data["state"]["stage_since"] for event in entered)


async def test_with_one_key_a_sale_is_won_once(mitra: Mitra, sales: Selling) -> None:
    opportunity = await sales.open()
    path = f"/v1/opportunities/{opportunity['id']}/win"
    answers = [await sales.client.post(path, json={}, headers={"Idempotency-Key": "k"}) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert len(await told(mitra)) == 2


async def test_a_patch_needs_the_version_that_was_read(mitra: Mitra, sales: Selling) -> None:
    path = f"/v1/opportunities/{(await sales.open())['id']}"
    statuses = [
        (await sales.client.patch(path, json={"source": "fair"}, headers=headers)).status_code
        for headers in ({}, {"If-Match": '"7"'}, {"If-Match": '"1"'}, {"If-Match": '"1"'})
    ]
    assert statuses == [428, 412, 200, 412]
    assert len(await told(mitra)) == 2
