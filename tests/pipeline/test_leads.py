"""Leads from the first sign of interest on, over HTTP and in their events."""

import asyncio
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
from tests.pipeline.make_leads import CONTACT, lead, open_lead, patch

CANARY = "zqcanary"
OWNER_HELD = {"interest", "version", "updated_at"}
WAYS = {
    "new": [],
    "working": ["work"],
    "qualified": ["work", "qualify"],
    "converted": ["work", "qualify", "convert"],
    "disqualified": ["disqualify"],
    "recycled": ["disqualify", "recycle"],
}
FITTING = {
    "new": {"work": "working", "disqualify": "disqualified"},
    "working": {"qualify": "qualified", "disqualify": "disqualified"},
    "qualified": {"convert": "converted"},
    "converted": {},
    "disqualified": {"recycle": "recycled"},
    "recycled": {"work": "working"},
}
FACTS = {"work": "started", "qualify": "qualified", "convert": "converted", "disqualify": "disqualified", "recycle": "recycled"}


async def act(leads: httpx.AsyncClient, lead_id: Any, verb: str, **body: Any) -> dict[str, Any]:
    answer = await leads.post(f"/v1/leads/{lead_id}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def batch(leads: httpx.AsyncClient, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = await leads.post("/v1/leads/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


async def new_pipeline(leads: httpx.AsyncClient, **first: Any) -> dict[str, Any]:
    stages = [{"key": "new", "name": "New", "probability_bps": 1_000, **first}]
    stages += [{"key": kind, "name": kind, "kind": kind} for kind in ("won", "lost")]
    answer = await leads.post("/v1/pipelines", json={"name": "Sales", "currency": "USD", "stages": stages})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def public(lead: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in lead.items() if name not in OWNER_HELD}


def told(events: list[Envelope]) -> list[tuple[str, int, list[str]]]:
    return [(event.type.split(".")[2], event.sequence, event.data["changed"]) for event in events]


async def test_a_lead_is_opened_worked_on_and_qualified_with_one_event_each(
    mitra: Mitra, leads: httpx.AsyncClient, tenant_id: UUID
) -> None:
    campaign = str(new_id())
    born = await open_lead(leads, campaign_id=campaign, opened_at="2026-03-01T10:00:00Z", expected_amount_minor=5000, currency="USD")
    assert (born["status"], born["owner_id"], born["first_response_at"]) == ("new", None, None)
    await act(leads, born["id"], "work", at="2026-03-01T10:07:30Z")
    done = await act(leads, born["id"], "qualify")
    assert (done["status"], done["first_response_at"]) == ("qualified", "2026-03-01T10:07:30Z")
    opened, started, qualified = await mitra.outbox("pipeline")
    assert told([opened, started, qualified]) == [
        ("opened", 1, []),
        ("started", 2, ["first_response_at", "status"]),
        ("qualified", 3, ["status"]),
    ]
    assert (opened.time, opened.data["campaign_id"], opened.data["source"]) == (
        datetime.fromisoformat("2026-03-01T10:00:00Z"),
        campaign,
        "web_form",
    )
    assert (started.time, started.data["seconds_to_first_response"]) == (datetime.fromisoformat("2026-03-01T10:07:30Z"), 450)
    assert {event.partition_key for event in (opened, started, qualified)} == {f"{tenant_id}:{CONTACT}"}
    assert qualified.data["state"] == public(done)


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(WAYS, FACTS)))
async def test_a_verb_that_fits_makes_its_state_and_any_other_is_refused(
    mitra: Mitra, leads: httpx.AsyncClient, state: str, verb: str
) -> None:
    await new_pipeline(leads)
    lead = await open_lead(leads)
    for step in WAYS[state]:
        await act(leads, lead["id"], step)
    before = len(await mitra.outbox("pipeline"))
    answer = await leads.post(f"/v1/leads/{lead['id']}/{verb}", json={})
    events = (await mitra.outbox("pipeline"))[before:]
    if (state, verb) == ("converted", "convert"):
        assert (answer.status_code, answer.json()["lead"]["status"], events) == (200, "converted", [])
    elif verb in FITTING[state]:
        after = answer.json()["lead"] if verb == "convert" else answer.json()
        assert (answer.status_code, after["status"]) == (200, FITTING[state][verb])
        born = ["pipeline.opportunity.created.v1"] if verb == "convert" else []
        assert [event.type for event in events] == [*born, f"pipeline.lead.{FACTS[verb]}.v1"]
    else:
        assert (answer.status_code, answer.json()["code"], events) == (409, "wrong_state", [])
        assert answer.json()["state"] == state
        assert set(answer.json()["verbs_that_fit"]) == set(FITTING[state])


async def test_a_lead_is_disqualified_for_a_reason_of_its_kind_and_recycled_without(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    reasons = {}
    for kind in ("disqualified", "lost"):
        reasons[kind] = (await leads.post("/v1/reasons", json={"kind": kind, "text": "No budget"})).json()["id"]
    lead = await open_lead(leads)
    for wrong, code in ((reasons["lost"], "wrong_kind"), (str(new_id()), "unknown_reason")):
        refused = await leads.post(f"/v1/leads/{lead['id']}/disqualify", json={"reason_id": wrong})
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, code)
    lost = await act(leads, lead["id"], "disqualify", reason_id=reasons["disqualified"])
    assert lost["disqualify_reason_id"] == reasons["disqualified"]
    event = (await mitra.outbox("pipeline"))[-1]
    assert event.data["reason_id"] == reasons["disqualified"]
    assert (await act(leads, lead["id"], "recycle"))["disqualify_reason_id"] is None
    again = await act(leads, lead["id"], "work")
    assert (await act(leads, lead["id"], "disqualify"))["first_response_at"] == again["first_response_at"]
    assert [e.data["seconds_to_first_response"] is None for e in await mitra.outbox("pipeline") if "started" in e.type] == [False]


async def test_only_the_first_response_counts(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    lead = await open_lead(leads)
    for verb in ("work", "disqualify", "recycle", "work"):
        lead = await act(leads, lead["id"], verb)
    first, second = [event.data["seconds_to_first_response"] for event in await mitra.outbox("pipeline") if "started" in event.type]
    assert (first, second) == (0, None)


@pytest.mark.parametrize(
    ("at", "code"), [("2026-03-02T09:06:00Z", "in_the_future"), ("2026-02-28T11:59:59Z", "too_early"), ("yesterday", None)]
)
async def test_an_instant_that_cannot_be_is_refused(leads: httpx.AsyncClient, at: str, code: str | None) -> None:
    lead = await open_lead(leads, opened_at="2026-02-28T12:00:00Z")
    refused = await leads.post(f"/v1/leads/{lead['id']}/work", json={"at": at})
    assert refused.status_code == 422
    assert code in (None, refused.json()["errors"][0]["code"])
    late = await leads.post("/v1/leads", json={"contact_id": CONTACT, "source": "call", "opened_at": "2026-03-02T09:06:00Z"})
    assert (late.status_code, late.json()["errors"][0]["pointer"]) == (422, "/opened_at")


async def test_fields_change_with_one_event_that_names_them_and_nothing_changed_is_no_event(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    lead = await open_lead(leads, interest="lamps", expected_amount_minor=5, currency="USD")
    key = [{"source": "form", "id": "7"}]
    fields = {"source": "referral", "score_bps": 900, "interest": None, "expected_amount_minor": 7, "external_ids": key}
    changed = (await patch(leads, lead, **fields)).json()
    assert {name: changed[name] for name in fields} == fields
    again = await patch(leads, changed, **fields)
    assert (again.status_code, again.json()) == (200, changed)
    assert told(await mitra.outbox("pipeline"))[1:] == [("updated", 2, sorted(fields))]
    assert (await patch(leads, lead, score_bps=1)).status_code == 412
    assert (await leads.patch(f"/v1/leads/{lead['id']}", json={})).status_code == 428
    for wrong in ({"contact_id": None}, {"status": "working"}, {"owner_id": CONTACT}, {"currency": None}, {"score_bps": 10_001}):
        assert (await patch(leads, changed, **wrong)).status_code == 422
    other = await open_lead(leads)
    taken = await patch(leads, other, external_ids=key)
    assert (taken.status_code, taken.json()["code"]) == (409, "external_id_taken")


async def test_what_somebody_is_interested_in_stays_with_its_owner(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    lead = await open_lead(leads, interest=f"{CANARY} lamps")
    changed = (await patch(leads, lead, interest=f"{CANARY} desks")).json()
    await batch(leads, [{"op": "upsert", "key": {"source": "old", "id": "1"}, "data": lead_saying(CANARY)}])
    assert changed["interest"] == f"{CANARY} desks"
    events = await mitra.outbox("pipeline")
    assert len(events) == 3
    assert not any(CANARY in event.to_json().decode() for event in events)


def lead_saying(text: str) -> dict[str, Any]:
    return lead(interest=text)


async def qualified(leads: httpx.AsyncClient, **fields: Any) -> str:
    lead = await open_lead(leads, **fields)
    for verb in ("work", "qualify"):
        await act(leads, lead["id"], verb)
    return str(lead["id"])


async def test_a_lead_becomes_an_opportunity_once_however_often_it_is_asked(
    mitra: Mitra, leads: httpx.AsyncClient, tenant_id: UUID
) -> None:
    pipeline = await new_pipeline(leads)
    owner, campaign, firm = str(new_id()), str(new_id()), str(new_id())
    origin = {"owner_id": owner, "campaign_id": campaign, "organization_id": firm}
    lead_id = await qualified(leads, interest=f"  {CANARY} lamps", expected_amount_minor=7_000, currency="EUR", **origin)
    before = len(await mitra.outbox("pipeline"))
    first = await act(leads, lead_id, "convert", expected_close_on="2026-06-30")
    lead, deal = first["lead"], first["opportunity"]
    assert (lead["status"], lead["opportunity_id"], first["contact_id"]) == ("converted", deal["id"], CONTACT)
    assert (deal["name"], deal["pipeline_id"], deal["status"]) == (f"{CANARY} lamps", pipeline["id"], "open")
    assert (deal["contact_id"], deal["owner_id"], deal["campaign_id"], deal["source"]) == (CONTACT, owner, campaign, "web_form")
    assert (deal["amount_minor"], deal["currency"], deal["expected_close_on"]) == (7_000, "EUR", "2026-06-30")
    assert deal["contact_roles"] == [{"contact_id": firm, "role": "organization"}]
    created, converted = (await mitra.outbox("pipeline"))[before:]
    assert (created.type, created.subject, created.data["lead_id"]) == (
        "pipeline.opportunity.created.v1",
        f"opportunity/{deal['id']}",
        lead_id,
    )
    assert (converted.type, converted.sequence, converted.data["opportunity_id"]) == ("pipeline.lead.converted.v1", 4, deal["id"])
    assert (converted.data["changed"], converted.data["state"]) == (["opportunity_id", "status"], public(lead))
    assert {created.partition_key, converted.partition_key} == {f"{tenant_id}:{CONTACT}"}
    assert CANARY not in created.to_json().decode() + converted.to_json().decode()
    assert await act(leads, lead_id, "convert") == first
    assert await act(leads, lead_id, "convert", name="Other", pipeline_id=str(new_id())) == first
    assert len(await mitra.outbox("pipeline")) == before + 2


async def test_a_lead_that_is_converted_by_many_at_once_becomes_one_opportunity(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    await new_pipeline(leads)
    lead_id = await qualified(leads)
    answers = await asyncio.gather(*(act(leads, lead_id, "convert") for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert len((await leads.get("/v1/opportunities")).json()["items"]) == 1
    types = [event.type for event in await mitra.outbox("pipeline")]
    assert (types.count("pipeline.opportunity.created.v1"), types.count("pipeline.lead.converted.v1")) == (1, 1)


async def test_what_is_wanted_of_the_opportunity_goes_before_what_the_lead_says(leads: httpx.AsyncClient) -> None:
    pipelines = [await new_pipeline(leads), await new_pipeline(leads)]
    lead_id = await qualified(leads, expected_amount_minor=7_000, currency="EUR")
    refused = await leads.post(f"/v1/leads/{lead_id}/convert", json={})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/pipeline_id")
    wanted = {"name": "Lamps", "pipeline_id": pipelines[1]["id"], "amount_minor": 9, "currency": "USD"}
    deal = (await act(leads, lead_id, "convert", **wanted))["opportunity"]
    assert {name: deal[name] for name in wanted} == wanted
    other = await qualified(leads, expected_amount_minor=7_000, currency="EUR")
    deal = (await act(leads, other, "convert", pipeline_id=pipelines[0]["id"], currency="USD"))["opportunity"]
    assert (deal["amount_minor"], deal["currency"], deal["name"]) == (0, "USD", f"Lead {other}")


async def test_a_lead_that_a_gate_keeps_out_stays_qualified(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    await new_pipeline(leads, required_fields=["expected_close_on"])
    lead_id = await qualified(leads)
    before = len(await mitra.outbox("pipeline"))
    refused = await leads.post(f"/v1/leads/{lead_id}/convert", json={}, headers={"Idempotency-Key": "c"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/expected_close_on")
    assert (await leads.get(f"/v1/leads/{lead_id}")).json()["status"] == "qualified"
    assert (await leads.get("/v1/opportunities")).json()["items"] == []
    assert len(await mitra.outbox("pipeline")) == before
    assert (await act(leads, lead_id, "convert", expected_close_on="2026-06-30"))["lead"]["status"] == "converted"


@pytest.mark.parametrize("seed", range(6))
async def test_any_walk_through_the_verbs_can_be_read_from_the_events(mitra: Mitra, leads: httpx.AsyncClient, seed: int) -> None:
    """Law: whatever is asked in whatever order, the last event is the read, and each accepted step is one version and one event."""
    dice = random.Random(seed)
    await new_pipeline(leads)
    lead = await open_lead(leads)
    verbs = ["work", "work", "qualify", "convert", "disqualify", "recycle", "recycle", "archive", "restore", "patch", "assign"]
    for step in range(25):
        verb = dice.choice(verbs)
        if verb == "patch":
            present = (await leads.get(f"/v1/leads/{lead['id']}")).json()
            answer = await patch(leads, present, score_bps=dice.choice([1, 2]), interest=dice.choice(["a", None]))
        else:
            body = {"owner_id": str(UUID(int=dice.randint(1, 2)))} if verb == "assign" else {}
            answer = await leads.post(f"/v1/leads/{lead['id']}/{verb}", json=body)
        assert answer.status_code in (200, 409)
        present = (await leads.get(f"/v1/leads/{lead['id']}")).json()
        events = [event for event in await mitra.outbox("pipeline") if event.subject == f"lead/{lead['id']}"]
        assert events[-1].data["state"] == public(present), f"step {step}, {verb}"
        assert (present["version"], events[-1].sequence) == (len(events), len(events))
        if events[1:]:
            before = events[-2].data["state"]
            assert {name for name, value in public(present).items() if before[name] != value} <= set(events[-1].data["changed"])


async def test_a_batch_opens_upserts_changes_and_archives(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    first = await open_lead(leads)
    key = {"source": "old", "id": "7"}
    upsert = {"op": "upsert", "key": key, "data": lead(score_bps=5)}
    operations: list[dict[str, Any]] = [
        {"op": "create", "data": lead(opened_at="2026-01-01T00:00:00Z")},
        {"op": "create", "data": lead(source="dream")},
        {"op": "create", "data": lead(opened_at="2027-01-01T00:00:00Z")},
        upsert,
        upsert,
        {"op": "update", "id": first["id"], "if_match": 1, "data": {"score_bps": 7}},
        {"op": "archive", "id": str(new_id())},
    ]
    results = await batch(leads, operations)
    assert [each["status"] for each in results] == [201, 422, 422, 201, 200, 200, 404]
    assert results[2]["problem"]["errors"][0]["pointer"] == "/operations/2/data/opened_at"
    (again,) = await batch(leads, [{"op": "upsert", "key": key, "data": lead(score_bps=6)}])
    assert (again["status"], again["id"], again["version"]) == (200, results[3]["id"], 2)


async def test_the_same_key_opens_once_and_answers_the_same(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    answers = [await leads.post("/v1/leads", json=lead(), headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    path = f"/v1/leads/{answers[0].json()['id']}/work"
    begun = [await leads.post(path, json={}, headers={"Idempotency-Key": "w"}) for _ in range(2)]
    assert begun[0].json() == begun[1].json()
    assert [event.type.split(".")[2] for event in await mitra.outbox("pipeline")] == ["opened", "started"]


async def test_leads_are_hidden_and_brought_back_with_one_event_each(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    lead = await open_lead(leads)
    for verb in ("archive", "archive", "restore", "restore"):
        lead = await act(leads, lead["id"], verb)
        assert (await leads.get("/v1/leads")).json()["items"] == ([lead] if lead["archived_at"] is None else [])
    assert told(await mitra.outbox("pipeline"))[1:] == [("archived", 2, ["archived_at"]), ("restored", 3, ["archived_at"])]


async def test_leads_of_another_tenant_are_not_there(mitra: Mitra, leads: httpx.AsyncClient) -> None:
    lead = await open_lead(leads)
    stranger = mitra.client("pipeline", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get("/v1/leads")).json()["items"] == []
    for verb in (*FACTS, "assign", "archive", "restore"):
        assert (await stranger.post(f"/v1/leads/{lead['id']}/{verb}", json={})).status_code == 404
