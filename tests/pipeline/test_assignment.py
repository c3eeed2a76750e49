"""Assignment rules at work: whose a new lead is, and why, whatever happens at the same time."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.references import ContactReference
from tests.harness import Mitra
from tests.pipeline.make_assignment import ANN, BEN, CAT, POOR, RICH, UNSCORED, active, draft, open_lead


@pytest.fixture
def sales(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("pipeline", mitra.caller(tenant_id))


async def know(mitra: Mitra, tenant_id: UUID, contact_id: str, **fields: Any) -> None:
    async with mitra.session("pipeline", tenant_id) as session:
        session.add(ContactReference(tenant_id=tenant_id, contact_id=UUID(contact_id), **fields))
        await session.commit()


@pytest.fixture
async def known(mitra: Mitra, tenant_id: UUID) -> None:
    """Two customers whom analytics has scored, and one of whom only contacts has told."""
    await know(mitra, tenant_id, RICH, tier="top", lifetime_value_minor=90_000, churn_bps=1_000, country="DE", currency="USD")
    await know(mitra, tenant_id, POOR, tier="small", lifetime_value_minor=500, churn_bps=9_000, country="FR", currency="USD")
    await know(mitra, tenant_id, UNSCORED, country="DE", lifecycle="suspect")


async def run(sales: httpx.AsyncClient, *, dry_run: bool = False, **fields: Any) -> dict[str, Any]:
    answer = await sales.post("/v1/assignment-rules/run", json={"noun": "leads", **fields}, params={"dry_run": dry_run})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_new_leads_go_round_and_say_why(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    given = await active(sales, ANN, BEN)
    leads = [await open_lead(sales) for _ in range(4)]
    assert [lead["owner_id"] for lead in leads] == [ANN, BEN, ANN, BEN]
    opened = (await mitra.outbox("pipeline"))[2:]
    assert [event.data["rule_id"] for event in opened] == [given["id"]] * 4
    assert [event.data["reasons"] for event in opened] == [[{"code": "round_robin", "number": n}] for n in ("0", "0", "1", "1")]
    assert opened[0].data["state"]["owner_id"] == ANN


async def test_a_lead_that_names_its_owner_keeps_it_and_moves_no_turn(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    await active(sales, ANN, BEN)
    assert (await open_lead(sales, owner_id=CAT))["owner_id"] == CAT
    assert (await mitra.outbox("pipeline"))[-1].data["reasons"] == []
    assert (await open_lead(sales))["owner_id"] == ANN


@pytest.mark.usefixtures("known")
async def test_the_most_valuable_lead_goes_to_the_most_senior_with_room(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    targets = [{"user_id": ANN, "seniority": 1}, {"user_id": BEN, "seniority": 9, "capacity": 1}]
    given = await active(sales, strategy="expected_value", targets=targets)
    first, second = await open_lead(sales, RICH), await open_lead(sales, RICH, score_bps=5_000)
    assert (first["owner_id"], second["owner_id"]) == (BEN, ANN)
    third = await open_lead(sales, UNSCORED)
    assert third["owner_id"] == ANN
    reasons = [{r["code"]: r["number"] for r in event.data["reasons"]} for event in (await mitra.outbox("pipeline"))[2:]]
    assert reasons == [
        {"expected_value_minor": "90000", "lifetime_value_minor": "90000", "probability_bps": "10000", "seniority": "9", "open": "0"},
        {"expected_value_minor": "45000", "lifetime_value_minor": "90000", "probability_bps": "5000", "seniority": "1", "open": "0"},
        {"no_score": None, "least_loaded": "1"},
    ]
    assert given["status"] == "active"


@pytest.mark.usefixtures("known")
async def test_in_one_request_the_most_valuable_chooses_first(sales: httpx.AsyncClient) -> None:
    targets = [{"user_id": ANN, "seniority": 1}, {"user_id": BEN, "seniority": 9, "capacity": 1}]
    await active(sales, strategy="expected_value", targets=targets)
    operations = [{"op": "create", "data": {"contact_id": each, "source": "import"}} for each in (UNSCORED, POOR, RICH)]
    results = (await sales.post("/v1/leads/batch", json={"operations": operations})).json()["results"]
    owners = [(await sales.get(f"/v1/leads/{each['id']}")).json()["owner_id"] for each in results]
    assert owners == [ANN, ANN, BEN]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    ("wanted", "passed"),
    [
        ('tier = "top"', {RICH}),
        ("lifetime_value_minor < 1000 AND churn_bps > 8000", {POOR}),
        ('country = "DE" AND lifetime_value_minor = null', {UNSCORED}),
        ('source = "web_form" AND score_bps = null', {RICH, POOR, UNSCORED}),
        (f'contact_id = "{POOR}" OR lifecycle = "suspect"', {POOR, UNSCORED}),
        ("NOT owner_id = null", set()),
    ],
)
async def test_a_rule_gives_out_what_its_filter_lets_through(sales: httpx.AsyncClient, wanted: str, passed: set[str]) -> None:
    await active(sales, ANN, filter=wanted)
    leads = [await open_lead(sales, each) for each in (RICH, POOR, UNSCORED)]
    assert {lead["contact_id"] for lead in leads if lead["owner_id"] == ANN} == passed


async def test_the_first_active_rule_that_fits_gives(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    await active(sales, ANN, order=2)
    first = await active(sales, BEN, order=1, filter='source = "web_form"')
    await draft(sales, CAT, order=0)
    assert [(await open_lead(sales))["owner_id"], (await open_lead(sales, source="call"))["owner_id"]] == [BEN, ANN]
    await sales.post(f"/v1/assignment-rules/{first['id']}/archive")
    assert (await open_lead(sales))["owner_id"] == ANN
    await sales.post(f"/v1/assignment-rules/{first['id']}/restore")
    assert (await open_lead(sales))["owner_id"] == BEN
    await sales.post(f"/v1/assignment-rules/{first['id']}/retire")
    assert (await open_lead(sales))["owner_id"] == ANN


async def test_a_full_team_leaves_a_lead_without_an_owner_and_says_so(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    given = await active(sales, strategy="least_loaded", targets=[{"user_id": ANN, "capacity": 1}])
    first, second = await open_lead(sales), await open_lead(sales)
    assert (first["owner_id"], second["owner_id"]) == (ANN, None)
    event = (await mitra.outbox("pipeline"))[-1]
    assert (event.data["rule_id"], event.data["reasons"]) == (given["id"], [{"code": "nobody_has_room", "number": None}])
    refused = await sales.post(f"/v1/leads/{second['id']}/assign", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "nobody_fits")
    await sales.post(f"/v1/leads/{first['id']}/disqualify", json={})
    assigned = await sales.post(f"/v1/leads/{second['id']}/assign", json={})
    assert (assigned.status_code, assigned.json()["owner_id"]) == (200, ANN)
    event = (await mitra.outbox("pipeline"))[-1]
    assert (event.type, event.data["changed"], event.data["rule_id"]) == ("pipeline.lead.assigned.v1", ["owner_id"], given["id"])
    assert event.data["reasons"] == [{"code": "least_loaded", "number": "0"}]


async def test_a_lead_is_assigned_by_hand_once_and_not_when_it_is_over(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    lead = await open_lead(sales)
    assert lead["owner_id"] is None
    nobody = await sales.post(f"/v1/leads/{lead['id']}/assign", json={})
    assert (nobody.status_code, nobody.json()["code"]) == (409, "nobody_fits")
    for _ in range(2):
        assert (await sales.post(f"/v1/leads/{lead['id']}/assign", json={"owner_id": BEN})).json()["owner_id"] == BEN
    moved = await sales.post(f"/v1/leads/{lead['id']}/assign", json={"owner_id": ANN})
    assert moved.json()["owner_id"] == ANN
    events = [event for event in await mitra.outbox("pipeline") if event.type == "pipeline.lead.assigned.v1"]
    assert [(e.data["from_owner_id"], e.data["state"]["owner_id"], e.data["rule_id"]) for e in events] == [
        (None, BEN, None),
        (BEN, ANN, None),
    ]
    await sales.post(f"/v1/leads/{lead['id']}/disqualify", json={})
    refused = await sales.post(f"/v1/leads/{lead['id']}/assign", json={"owner_id": BEN})
    assert (refused.status_code, refused.json()["code"], refused.json()["verbs_that_fit"]) == (409, "wrong_state", ["recycle"])


async def test_a_dry_run_says_what_a_run_then_does_and_writes_nothing(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    leads = [await open_lead(sales) for _ in range(5)]
    mine = await open_lead(sales, owner_id=CAT)
    over = await open_lead(sales)
    await sales.post(f"/v1/leads/{over['id']}/disqualify", json={})
    await active(sales, ANN, targets=[{"user_id": ANN}, {"user_id": BEN, "capacity": 1}])
    before = len(await mitra.outbox("pipeline"))
    dry = await run(sales, dry_run=True)
    assert len(await mitra.outbox("pipeline")) == before
    assert [(await sales.get(f"/v1/leads/{lead['id']}")).json() for lead in leads] == leads
    done = await run(sales)
    assert done == dry
    assert (done["considered"], done["assigned"], done["unassigned"]) == (5, 5, 0)
    assert [item["owner_id"] for item in done["items"]] == [ANN, BEN, ANN, ANN, ANN]
    reads = [(await sales.get(f"/v1/leads/{lead['id']}")).json() for lead in leads]
    assert [(lead["owner_id"], lead["version"]) for lead in reads] == [(item["owner_id"], 2) for item in done["items"]]
    *assigned, told = (await mitra.outbox("pipeline"))[before:]
    assert [(e.type, e.sequence, e.data["changed"]) for e in assigned] == [("pipeline.lead.assigned.v1", 2, ["owner_id"])] * 5
    assert [e.data["state"] for e in assigned] == [{k: v for k, v in each.items() if k in assigned[0].data["state"]} for each in reads]
    assert (told.type, told.sequence) == ("pipeline.assignment.run.v1", 1)
    assert {name: told.data["state"][name] for name in ("noun", "considered", "assigned", "unassigned")} == {
        "noun": "leads",
        "considered": 5,
        "assigned": 5,
        "unassigned": 0,
    }
    assert (await sales.get(f"/v1/leads/{mine['id']}")).json() == mine
    assert (await run(sales))["considered"] == 0
    assert len(await mitra.outbox("pipeline")) == before + 6


async def test_a_run_takes_the_oldest_first_and_no_more_than_asked(sales: httpx.AsyncClient) -> None:
    young = await open_lead(sales)
    old = await open_lead(sales, opened_at="2026-01-01T00:00:00Z")
    await active(sales, ANN)
    assert [item["id"] for item in (await run(sales, limit=1))["items"]] == [old["id"]]
    assert [item["id"] for item in (await run(sales))["items"]] == [young["id"]]


async def test_no_share_is_exceeded_and_new_targets_begin_anew(sales: httpx.AsyncClient) -> None:
    given = await active(sales, strategy="expected_value", targets=[{"user_id": ANN}, {"user_id": BEN}], max_share_bps=5_000)
    owners = Counter([(await open_lead(sales))["owner_id"] for _ in range(6)])
    assert owners == {ANN: 3, BEN: 3}
    targets = [{"user_id": ANN}, {"user_id": CAT}]
    changed = await sales.patch(
        f"/v1/assignment-rules/{given['id']}", json={"targets": targets, "strategy": "round_robin"}, headers={"If-Match": "*"}
    )
    assert changed.status_code == 200, changed.text
    assert [(await open_lead(sales))["owner_id"] for _ in range(4)] == [ANN, CAT, ANN, CAT]


async def test_a_hundred_leads_at_once_never_exceed_a_capacity(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    """Law: whatever runs at the same time, no user has more open work by rules than its capacity, and each place is filled."""
    capacities = {ANN: 17, BEN: 11, CAT: 5}
    targets = [{"user_id": user, "capacity": capacity} for user, capacity in capacities.items()]
    await active(sales, strategy="least_loaded", targets=targets)
    await active(sales, order=200, strategy="round_robin", targets=list(reversed(targets)), filter='source = "call"')
    sources = ["web_form", "call"] * 50
    leads = await asyncio.gather(*(open_lead(sales, source=source) for source in sources))
    assert Counter(lead["owner_id"] for lead in leads if lead["owner_id"]) == capacities
    unowned = [lead["id"] for lead in leads if lead["owner_id"] is None]
    assert len(unowned) == 100 - 33
    over = [lead["id"] for lead in leads if lead["owner_id"] == ANN][:10]
    await asyncio.gather(*(sales.post(f"/v1/leads/{each}/disqualify", json={}) for each in over))
    answers = await asyncio.gather(
        *(sales.post(f"/v1/leads/{each}/assign", json={}) for each in unowned[:40]), *(run(sales, limit=20) for _ in range(3))
    )
    assert {answer.status_code for answer in answers if isinstance(answer, httpx.Response)} <= {200, 409}
    open_leads = await sales.get("/v1/leads", params={"filter": 'owner_id != null AND status = "new"', "page_size": 200})
    assert Counter(lead["owner_id"] for lead in open_leads.json()["items"]) == capacities


async def new_pipeline(sales: httpx.AsyncClient) -> str:
    stages = [{"key": "new", "name": "New", "probability_bps": 2_000}, *({"key": k, "name": k, "kind": k} for k in ("won", "lost"))]
    answer = await sales.post("/v1/pipelines", json={"name": "Sales", "currency": "USD", "stages": stages})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def open_deal(sales: httpx.AsyncClient, pipeline_id: str, contact_id: str, **fields: Any) -> dict[str, Any]:
    answer = await sales.post(
        "/v1/opportunities", json={"name": "zqcanary", "pipeline_id": pipeline_id, "contact_id": contact_id, **fields}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.usefixtures("known")
async def test_an_opportunity_is_given_by_rule_when_it_is_asked_for(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    pipeline_id = await new_pipeline(sales)
    deal = await open_deal(sales, pipeline_id, RICH, owner_id=CAT)
    path = f"/v1/opportunities/{deal['id']}/assign"
    nobody = await sales.post(path, json={})
    assert (nobody.status_code, nobody.json()["code"]) == (409, "nobody_fits")
    targets = [{"user_id": ANN, "seniority": 1}, {"user_id": BEN, "seniority": 2, "capacity": 5}]
    given = await active(sales, noun="opportunities", strategy="expected_value", targets=targets, filter='tier = "top" AND status = "open"')
    assert (await open_lead(sales, RICH))["owner_id"] is None
    assigned = await sales.post(path, json={})
    assert (assigned.status_code, assigned.json()["owner_id"]) == (200, BEN)
    event = (await mitra.outbox("pipeline"))[-1]
    assert (event.type, event.data["from_owner_id"], event.data["rule_id"]) == ("pipeline.opportunity.assigned.v1", CAT, given["id"])
    assert {reason["code"]: reason["number"] for reason in event.data["reasons"]} == {
        "expected_value_minor": "18000",
        "lifetime_value_minor": "90000",
        "probability_bps": "2000",
        "seniority": "2",
        "open": "0",
    }
    assert (await sales.post(path, json={"owner_id": ANN})).json()["owner_id"] == ANN
    await sales.post(f"/v1/opportunities/{deal['id']}/win", json={})
    closed = await sales.post(path, json={})
    assert (closed.status_code, closed.json()["code"]) == (409, "wrong_state")


@pytest.mark.usefixtures("known")
async def test_a_run_gives_out_the_open_opportunities_that_nobody_owns(mitra: Mitra, sales: httpx.AsyncClient) -> None:
    pipeline_id = await new_pipeline(sales)
    deals = [await open_deal(sales, pipeline_id, each) for each in (UNSCORED, POOR, RICH)]
    won = await open_deal(sales, pipeline_id, RICH)
    await sales.post(f"/v1/opportunities/{won['id']}/win", json={})
    targets = [{"user_id": ANN, "seniority": 1}, {"user_id": BEN, "seniority": 2, "capacity": 1}]
    await active(sales, noun="opportunities", strategy="expected_value", targets=targets)
    before = len(await mitra.outbox("pipeline"))
    dry = await run(sales, dry_run=True, noun="opportunities")
    assert len(await mitra.outbox("pipeline")) == before
    assert await run(sales, noun="opportunities") == dry
    owners = [(await sales.get(f"/v1/opportunities/{deal['id']}")).json()["owner_id"] for deal in deals]
    assert owners == [ANN, ANN, BEN]
    told = [event.type for event in (await mitra.outbox("pipeline"))[before:]]
    assert told == ["pipeline.opportunity.assigned.v1"] * 3 + ["pipeline.assignment.run.v1"]
    assert not any("zqcanary" in event.to_json().decode() for event in await mitra.outbox("pipeline"))
