"""Activities as they are found, ordered and laid out as a schedule."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from services.identifiers import new_id
from tests.harness import Mitra
from tests.pipeline.make_activities import act, call, patch, plan

ME = UUID("0190a0a0-0000-7000-8000-000000000027")
CONTACT, DEAL = "0190a0a0-0000-7000-8000-000000000028", "0190a0a0-0000-7000-8000-000000000029"
BODIES: dict[str, dict[str, Any]] = {
    "task": call(kind="task", contact_ids=[str(new_id()), CONTACT], due_at="2026-03-04T09:00:00Z"),
    "visit": call(kind="visit", owner_id=str(ME), starts_at="2026-03-03T09:00:00Z", ends_at="2026-03-03T11:00:00Z", purpose="sale"),
    "letter": call(kind="letter", owner_id=str(ME), direction="outbound", contact_ids=[CONTACT]),
    "promise": call(kind="commitment", owner_id=str(ME), about={"type": "opportunity", "id": DEAL}, due_at="2026-03-20T09:00:00Z"),
    "chat": call(kind="chat", owner_id=str(ME), starts_at="2026-03-03T10:30:00Z", initiated_by="customer", direction="inbound"),
}


@pytest.fixture
async def five(activities: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    return {name: await plan(activities, **body) for name, body in BODIES.items()}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "task visit letter promise chat"),
        ('kind = "visit" OR kind = "chat"', "visit chat"),
        ('status = "planned" AND owner_id = me', "visit letter promise chat"),
        (f'contact_id = "{CONTACT}"', "letter"),
        (f'contact_ids : "{CONTACT}"', "task letter"),
        (f'about_id = "{DEAL}"', "promise"),
        ('purpose = "sale" AND direction = "none"', "visit"),
        ('initiated_by = "customer"', "chat"),
        ("due_at < days_ago(-5)", "task"),
        ('starts_at >= "2026-03-03T10:00:00Z" AND ends_at = null', "chat"),
        ("owner_id = null AND campaign_id = null AND started_at = null AND done_at = null", "task"),
        ("created_at <= now AND updated_at <= now AND overdue_since = null", "task visit letter promise chat"),
    ],
)
async def test_activities_are_found_by_what_is_known_of_them(
    mitra: Mitra, tenant_id: UUID, five: dict[str, dict[str, Any]], wanted: str, found: str
) -> None:
    asking = mitra.client("pipeline", mitra.caller(tenant_id, user_id=ME))
    listed = (await asking.get("/v1/activities", params={"filter": wanted})).json()["items"]
    searched = (await asking.post("/v1/activities/search", json={"filter": wanted})).json()["items"]
    assert listed == searched == [five[name] for name in reversed(BODIES) if name in found.split()]


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ("created_at", "task visit letter promise chat"),
        ("-updated_at", "task chat promise letter visit"),
        ("scheduled_at", "letter visit chat task promise"),
        ("-scheduled_at", "promise task chat visit letter"),
    ],
)
async def test_activities_come_in_each_order_page_by_page(
    activities: httpx.AsyncClient, five: dict[str, dict[str, Any]], order_by: str, names: str
) -> None:
    await patch(activities, five["task"], purpose="idea")
    seen, query = [], {"order_by": order_by, "page_size": 2}
    while True:
        page = (await activities.get("/v1/activities", params=query)).json()
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [five[name]["id"] for name in names.split()]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, "visit chat"),
        ({"from": "2026-03-03T10:45:00Z", "to": "2026-03-03T12:00:00Z"}, "visit"),
        ({"to": "2026-04-01T00:00:00Z"}, "visit chat promise"),
        ({"to": "2026-04-01T00:00:00Z", "owner": str(new_id())}, ""),
        ({"from": "9999-12-31T00:00:00Z"}, ""),
    ],
)
async def test_the_schedule_is_the_open_work_of_an_owner_that_touches_the_window(
    mitra: Mitra, tenant_id: UUID, five: dict[str, dict[str, Any]], query: dict[str, Any], names: str
) -> None:
    asking = mitra.client("pipeline", mitra.caller(tenant_id, user_id=ME))
    answer = await asking.get("/v1/activities/schedule", params=query)
    assert [each["id"] for each in answer.json()["items"]] == [five[name]["id"] for name in names.split()]


async def test_the_schedule_goes_page_by_page_and_leaves_out_what_is_over(
    mitra: Mitra, tenant_id: UUID, five: dict[str, dict[str, Any]]
) -> None:
    asking = mitra.client("pipeline", mitra.caller(tenant_id, user_id=ME))
    query = {"to": "2026-04-01T00:00:00Z", "page_size": "2"}
    page = (await asking.get("/v1/activities/schedule", params=query)).json()
    rest = (await asking.get("/v1/activities/schedule", params=query | {"cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in page["items"] + rest["items"]] == [five[name]["id"] for name in ("visit", "chat", "promise")]
    await act(asking, five["visit"]["id"], "start")
    await act(asking, five["chat"]["id"], "cancel")
    left = (await asking.get("/v1/activities/schedule", params=query)).json()["items"]
    assert [each["id"] for each in left] == [five["visit"]["id"], five["promise"]["id"]]
    wrong = await asking.get("/v1/activities/schedule", params={"from": "2026-03-03T00:00:00Z", "to": "2026-03-02T00:00:00Z"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#query/to")
