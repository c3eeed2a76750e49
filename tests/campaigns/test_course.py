"""The course of a campaign: every verb in every state, and what a campaign lacks."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from campaigns_svc.campaigns import rules
from services.errors import WrongState
from tests.campaigns import make
from tests.campaigns.test_records import check_folds
from tests.harness import Mitra

STATES = ("draft", "submitted", "approved", "scheduled", "running", "paused", "completed", "stopped")
TABLE = {
    "draft": {"submit": "submitted"},
    "submitted": {"approve": "approved", "reject": "draft"},
    "approved": {"schedule": "scheduled"},
    "scheduled": {"start": "running", "stop": "stopped"},
    "running": {"pause": "paused", "complete": "completed", "stop": "stopped"},
    "paused": {"resume": "running", "stop": "stopped"},
}


@pytest.mark.parametrize("verb", sorted(rules.TRANSITIONS))
@pytest.mark.parametrize("status", STATES)
def test_a_campaign_goes_where_the_sheet_says_and_nowhere_else(status: str, verb: str) -> None:
    after = TABLE.get(status, {}).get(verb)
    if after is not None:
        assert rules.decide_status(verb, status) == after
        return
    with pytest.raises(WrongState) as refused:
        rules.decide_status(verb, status)
    assert refused.value.state == status
    assert set(refused.value.verbs_that_fit) == TABLE.get(status, {}).keys() - {"start", "complete"}


async def test_a_campaign_is_asked_for_allowed_and_scheduled_and_told_of(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient
) -> None:
    user_id = uuid4()
    campaign = await make.campaign(campaigns)
    path = f"/v1/campaigns/{campaign['id']}"
    await make.act(campaigns, f"{path}/submit")
    rejected = await make.act(campaigns, f"{path}/reject", reason_code="too_loud")
    assert rejected["status"] == "draft"
    await make.act(campaigns, f"{path}/submit")
    changed = await campaigns.patch(path, json={"name": "Other"}, headers=make.ANY)
    assert changed.json()["code"] == "wrong_state"
    approver = mitra.client("campaigns", mitra.caller(tenant_id, user_id=user_id))
    assert (await make.act(approver, f"{path}/approve"))["approved_by"] == str(user_id)
    later = "2026-03-09T08:00:00Z"
    assert (await make.act(campaigns, f"{path}/schedule", send_at=later))["send_at"] == later
    await mitra.drain()
    assert (await campaigns.get(path)).json()["status"] == "scheduled"
    mitra.clock.advance(days=8)
    await mitra.drain()
    late = mitra.client("campaigns", mitra.caller(tenant_id))
    begun = (await late.get(path)).json()
    assert (begun["status"], begun["started_at"] >= later) == ("running", True)
    sender = (await late.get(f"/v1/senders/{campaign['sender_id']}")).json()
    assert sender["status"] == "active"


async def test_the_events_of_a_campaign_fold_to_it(mitra: Mitra, campaigns: httpx.AsyncClient) -> None:
    campaign = await make.campaign(campaigns)
    path = f"/v1/campaigns/{campaign['id']}"
    for verb in ("submit", "reject", "submit", "approve", "schedule", "stop", "archive", "restore"):
        await make.act(campaigns, f"{path}/{verb}")
    events = await mitra.outbox("campaigns")
    told = [event.type.split(".")[2] for event in events if event.subject == f"campaign/{campaign['id']}"]
    facts = ["created", "submitted", "rejected", "submitted", "approved", "scheduled", "stopped", "archived", "restored"]
    assert told == facts
    check_folds(events, (await campaigns.get(path)).json(), subject=f"campaign/{campaign['id']}")
    refused = await campaigns.post(f"{path}/resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert len(await mitra.outbox("campaigns")) == len(events)


@pytest.mark.parametrize(
    ("lacking", "places"),
    [
        ({"audience_id": None}, ["/audience_id"]),
        ({"audience_id": str(uuid4()), "sender_id": None}, ["/audience_id", "/sender_id"]),
        ({"cap_sends": 3}, ["/cap_days"]),
        ({"variables": {"code": None}}, ["/variables/code"]),
    ],
)
async def test_what_a_campaign_lacks_is_named_when_it_is_submitted(
    mitra: Mitra, campaigns: httpx.AsyncClient, lacking: dict[str, Any], places: list[str]
) -> None:
    template = {"text": "Hello {{ contact.given_name }} {{ code }}", "variables": ["code"]}
    campaign = await make.campaign(campaigns, template=template, variables={"code": "X"})
    path = f"/v1/campaigns/{campaign['id']}"
    await campaigns.patch(path, json=lacking, headers=make.ANY)
    before = len(await mitra.outbox("campaigns"))
    refused = await campaigns.post(f"{path}/submit")
    assert (refused.status_code, refused.json()["code"]) == (422, "incomplete")
    assert [error["pointer"] for error in refused.json()["errors"]] == places
    assert len(await mitra.outbox("campaigns")) == before


async def test_parts_that_are_not_ready_are_named(campaigns: httpx.AsyncClient) -> None:
    parts = {
        "audience_id": (await make.create(campaigns, "audiences", make.AUDIENCE))["id"],
        "template_id": (await make.create(campaigns, "templates", make.TEMPLATE))["id"],
        "sender_id": (await make.create(campaigns, "senders", make.SENDER))["id"],
    }
    campaign = await make.create(campaigns, "campaigns", {"name": "Early", "purpose": "news", **parts})
    refused = await campaigns.post(f"/v1/campaigns/{campaign['id']}/submit")
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [(f"/{name}", "not_ready") for name in parts]


async def test_a_copy_is_a_draft_with_a_salt_of_its_own(campaigns: httpx.AsyncClient) -> None:
    campaign = await make.campaign(campaigns, variables={"code": "X"}, holdout_bps=500)
    await make.act(campaigns, f"/v1/campaigns/{campaign['id']}/submit")
    copy = await make.act(campaigns, f"/v1/campaigns/{campaign['id']}/clone")
    own = ("id", "salt", "status", "version", "created_at", "updated_at")
    assert {name: value for name, value in copy.items() if name not in own} == {n: v for n, v in campaign.items() if n not in own}
    assert (copy["status"], copy["salt"] != campaign["salt"]) == ("draft", True)


async def test_a_campaign_that_lacks_something_by_its_time_is_stopped(mitra: Mitra, campaigns: httpx.AsyncClient) -> None:
    campaign = await make.scheduled(campaigns)
    await make.act(campaigns, f"/v1/templates/{campaign['template_id']}/retire")
    await mitra.drain()
    assert (await campaigns.get(f"/v1/campaigns/{campaign['id']}")).json()["status"] == "stopped"


async def test_a_holdout_ends_and_holds_nobody_out_any_more(mitra: Mitra, campaigns: httpx.AsyncClient) -> None:
    holdout = await make.create(campaigns, "holdouts", {"share_bps": 500})
    assert (holdout["scope"], holdout["from_on"], holdout["status"]) == ("global", "2026-03-02", "active")
    refused = await campaigns.post("/v1/holdouts", json={"share_bps": 500, "scope": "campaign"})
    assert refused.status_code == 422
    assert (await make.act(campaigns, f"/v1/holdouts/{holdout['id']}/end"))["status"] == "ended"
    assert (await campaigns.post(f"/v1/holdouts/{holdout['id']}/end")).json()["code"] == "wrong_state"
    changed = await campaigns.patch(f"/v1/holdouts/{holdout['id']}", json={"until_on": "2027-01-01"}, headers=make.ANY)
    assert changed.json()["code"] == "wrong_state"
    assert [event.type.split(".")[2] for event in await mitra.outbox("campaigns")] == ["created", "updated"]
