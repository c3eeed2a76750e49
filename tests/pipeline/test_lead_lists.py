"""Leads as they are found and ordered."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.harness import Mitra
from tests.pipeline.make_leads import lead, open_lead, patch

ME = UUID("0190a0a0-0000-7000-8000-00000000002b")
OTHER, CAMPAIGN = "0190a0a0-0000-7000-8000-00000000002c", "0190a0a0-0000-7000-8000-00000000002d"
BODIES: dict[str, dict[str, Any]] = {
    "form": lead(score_bps=700, opened_at="2026-02-01T00:00:00Z", campaign_id=CAMPAIGN),
    "fair": lead(source="trade_fair", owner_id=str(ME), organization_id=OTHER, opened_at="2026-01-01T00:00:00Z"),
    "call": lead(source="call", contact_id=OTHER, expected_amount_minor=9_000, currency="EUR", form_submission_id=OTHER),
}


@pytest.fixture
async def three(leads: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {name: await open_lead(leads, **body) for name, body in BODIES.items()}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "form fair call"),
        ('source = "trade_fair"', "fair"),
        (f'contact_id = "{OTHER}"', "call"),
        (f'organization_id = "{OTHER}" AND owner_id = me', "fair"),
        ("owner_id = null AND score_bps >= 700", "form"),
        ('expected_amount_minor > 8999 AND currency = "EUR"', "call"),
        (f'form_submission_id = "{OTHER}"', "call"),
        (f'campaign_id = "{CAMPAIGN}"', "form"),
        ("opened_at < days_ago(40)", "fair"),
        ('status = "new" AND first_response_at = null AND opportunity_id = null', "form fair call"),
        ("created_at <= now AND updated_at <= now", "form fair call"),
    ],
)
async def test_leads_are_found_by_what_is_known_of_them(
    mitra: Mitra, tenant_id: UUID, three: dict[str, dict[str, Any]], wanted: str, found: str
) -> None:
    asking = mitra.client("pipeline", mitra.caller(tenant_id, user_id=ME))
    listed = (await asking.get("/v1/leads", params={"filter": wanted})).json()["items"]
    searched = (await asking.post("/v1/leads/search", json={"filter": wanted})).json()["items"]
    assert listed == searched == [three[name] for name in reversed(BODIES) if name in found.split()]


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ("created_at", "form fair call"),
        ("-updated_at", "form call fair"),
        ("opened_at", "fair form call"),
        ("-opened_at", "call form fair"),
    ],
)
async def test_leads_come_in_each_order_page_by_page(
    leads: httpx.AsyncClient, three: dict[str, dict[str, Any]], order_by: str, names: str
) -> None:
    await patch(leads, three["form"], score_bps=1)
    seen, query = [], {"order_by": order_by, "page_size": 1}
    while True:
        page = (await leads.get("/v1/leads", params=query)).json()
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [three[name]["id"] for name in names.split()]
