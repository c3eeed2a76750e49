"""Lists of tickets: what can be asked, in which order they come, and what carries each order."""

from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.identifiers import new_id
from services.settings import plain_url
from tests.harness import Mitra
from tests.tickets import make

CONTACT = "0190a0a0-0000-7000-8000-000000000030"
BODIES: dict[str, dict[str, Any]] = {
    "lamp": make.ticket(subject_line="Lamp broken", type="incident", contact_id=CONTACT, tags=["a", "b"], topic="lamps"),
    "sofa": make.ticket(subject_line="Sofa late", priority="urgent", opened_at="2026-02-01T10:00:00Z", channel="phone"),
    "rude": make.ticket(subject_line="You are rude", type="complaint", complaint={"severity": 4}, contact_id=CONTACT, tags=["b"]),
}


@pytest.fixture
async def three(desk: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    made = {name: await make.post(desk, "/v1/tickets", body, status=201) for name, body in BODIES.items()}
    queue = await make.queue(desk)
    made["sofa"] = await make.act(desk, made["sofa"]["id"], "route", queue_id=queue["id"])
    made["lamp"] = await make.act(desk, made["lamp"]["id"], "assign")
    return made


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", "lamp sofa rude"),
        ('status = "new"', "sofa rude"),
        ("assignee_id = me", "lamp"),
        ("assignee_id = null", "sofa rude"),
        (f'contact_id = "{CONTACT}"', "lamp rude"),
        ("queue_id != null", "sofa"),
        ('subject_line : "BROKEN" OR topic = "sofas"', "lamp"),
        ('priority = "urgent" AND channel = "phone"', "sofa"),
        ('type = "complaint" AND severity >= 3', "rude"),
        ('tags : "b"', "lamp rude"),
        ("opened_at < days_ago(7)", "sofa"),
        ("number >= 2", "sofa rude"),
        ("resolved_at = null AND reopened_count = 0 AND escalation_level = 0", "lamp sofa rude"),
    ],
)
async def test_tickets_are_found_by_what_is_known_of_them(
    desk: httpx.AsyncClient, three: dict[str, dict[str, Any]], wanted: str, found: str
) -> None:
    listed = (await desk.get("/v1/tickets", params={"filter": wanted})).json()["items"]
    assert listed == (await desk.post("/v1/tickets/search", json={"filter": wanted})).json()["items"]
    assert listed == [three[name] for name in reversed(BODIES) if name in found.split()]


@pytest.mark.parametrize(
    ("order_by", "names"),
    [
        ("created_at", "lamp sofa rude"),
        ("-updated_at", "lamp sofa rude"),
        ("opened_at", "sofa lamp rude"),
        ("-number", "rude sofa lamp"),
    ],
)
async def test_tickets_come_in_each_order_page_by_page(
    desk: httpx.AsyncClient, three: dict[str, dict[str, Any]], order_by: str, names: str
) -> None:
    seen: list[int] = []
    query: dict[str, Any] = {"order_by": order_by, "page_size": 1}
    while True:
        page = (await desk.get("/v1/tickets", params=query)).json()
        seen += [ticket["number"] for ticket in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [three[name]["number"] for name in names.split()]


@pytest.mark.parametrize("column", ["created_at", "updated_at", "opened_at", "number"])
async def test_each_order_has_its_index(mitra: Mitra, column: str) -> None:
    connection = await asyncpg.connect(plain_url(mitra.settings.owner_database("tickets")))
    try:
        await connection.execute("SET enable_seqscan = off")
        await connection.execute("SET enable_sort = off")
        tenant = str(new_id())
        plan = await connection.fetch(f"EXPLAIN SELECT * FROM ticket WHERE tenant_id = '{tenant}' ORDER BY {column} DESC, id DESC LIMIT 50")
    finally:
        await connection.close()
    assert "Index Scan Backward" in "\n".join(row[0] for row in plan)


async def test_tickets_of_another_tenant_are_not_there(mitra: Mitra, three: dict[str, dict[str, Any]]) -> None:
    stranger = mitra.client("tickets", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get("/v1/tickets")).json()["items"] == []
    ticket_id = three["lamp"]["id"]
    for verb in ("assign", "escalate", "wait", "continue", "resolve", "reopen", "watch", "archive", "restore"):
        assert (await stranger.post(f"/v1/tickets/{ticket_id}/{verb}", json={})).status_code == 404
    assert (await stranger.get(f"/v1/tickets/{ticket_id}")).status_code == 404


async def test_reading_and_writing_need_their_scopes(mitra: Mitra, tenant_id: UUID, three: dict[str, dict[str, Any]]) -> None:
    reader = mitra.client("tickets", mitra.caller(tenant_id, scopes=["tickets:read"]))
    assert (await reader.get("/v1/tickets")).status_code == 200
    for path in ("", "/batch", f"/{three['lamp']['id']}/resolve"):
        assert (await reader.post(f"/v1/tickets{path}", json={})).status_code == 403
