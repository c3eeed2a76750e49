"""Canaries planted in every text and personal field are found in no bus record, journal row, outbox, job result, file of the history or
log line.
"""

import shutil
from typing import Any

import asyncpg
import httpx
import pytest
from pyarrow.parquet import ParquetFile

from analytics_svc.settings import history_folder
from services.settings import plain_url
from tests.analytics.history.made import flush
from tests.gateway.conftest import Door
from tests.harness import Mitra

CANARY = "Kanarienvogel"
TEXT = f"{CANARY} was here"
EMAIL = f"{CANARY.lower()}@example.com"
CONTACT: dict[str, Any] = {
    "kind": "person",
    "display_name": TEXT,
    "given_name": TEXT,
    "family_name": TEXT,
    "emails": [{"address": EMAIL, "label": TEXT[:20]}],
    "phones": [{"e164": "+493012345678", "raw": "030 12345678", "label": TEXT[:20]}],
    "addresses": [{"lines": [TEXT], "city": TEXT, "region": TEXT, "postal_code": CANARY, "country": "DE", "label": TEXT[:20]}],
    "birth_on": "1901-02-03",
    "website": f"https://{CANARY.lower()}.example.com/",
    "preferences": {"likes": [TEXT], "dislikes": [TEXT], "competitor_products": [TEXT], "expectations": [TEXT]},
}
ORDER: dict[str, Any] = {
    "contact_id": "0190a0a0-0000-7000-8000-000000000001",
    "currency": "EUR",
    "lines": [{"description": TEXT, "quantity": 1, "unit_price_minor": 100}],
}
ACTIVITY = {"kind": "visit", "subject": TEXT, "notes": TEXT}
PIPELINE: dict[str, Any] = {
    "name": "Sales",
    "currency": "EUR",
    "stages": [
        {"key": "new", "name": "New", "probability_bps": 1_000},
        {"key": "won", "name": "Won", "kind": "won"},
        {"key": "lost", "name": "Lost", "kind": "lost"},
    ],
}
CAMPAIGNS: dict[str, dict[str, Any]] = {
    "/v1/senders": {"name": "Shop", "from_name": CANARY, "from_address": EMAIL, "reply_address": EMAIL},
    "/v1/templates": {"name": "Spring", "subject": TEXT, "text": TEXT, "html": f"<p>{TEXT}</p>"},
    "/v1/audiences": {"name": "Some", "include": [f'country = "{CANARY}"']},
    "/v1/campaigns": {"name": "Spring", "purpose": "news", "variables": {"offer": TEXT}},
    "/v1/suppressions": {"address": EMAIL},
}
SIGNS = (CANARY, CANARY.lower(), "12345678", "1901-02-03")
KEPT = {
    "bus": ["bus_record"],
    "gateway": ["journal_entry", "outbox", "job", "parked"],
    "contacts": ["outbox", "job", "parked"],
    "campaigns": ["outbox", "job", "parked", "contact_reference", "consent_reference", "send", "send_queue", "suppression"],
    "pipeline": ["outbox", "job", "parked", "contact_reference", "consent_reference"],
    "tickets": ["outbox", "job", "parked", "contact_reference", "consent_reference", "mail_out", "routing_turn"],
    "analytics": ["outbox", "job", "parked", "fact", "customer_stats", "score", "published_score"],
}


async def contents(mitra: Mitra, service: str, table: str) -> str:
    """Every row of a table as text, past its tenants."""
    connection = await asyncpg.connect(plain_url(mitra.settings.owner_database(service)))
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        rows = await connection.fetch(f"SELECT t::text FROM {table} AS t")
        await transaction.rollback()
        return "\n".join(row[0] for row in rows)
    finally:
        await connection.close()


async def files_of_the_history(mitra: Mitra) -> str:
    """All that the Delta table holds as text, its log too, which repeats the least and the greatest value of each column."""
    await flush(mitra)
    folder = history_folder(mitra.settings)
    try:
        rows = [str(ParquetFile(file).read().to_pylist()) for file in folder.rglob("*.parquet")]
        return "\n".join([*rows, *(log.read_text() for log in folder.rglob("*.json"))])
    finally:
        shutil.rmtree(folder)


async def plant_in_tickets(client: httpx.AsyncClient) -> None:
    """A canary in every text that people write at the service desk, and in a mail that comes in."""

    async def made(path: str, body: dict[str, Any]) -> str:
        answer = await client.post(path, json=body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    ticket_id = await made("/v1/tickets", {"subject_line": TEXT, "checklist": [{"item_no": 1, "text": TEXT}]})
    await made(f"/v1/tickets/{ticket_id}/messages", {"text": TEXT, "html": f"<p>{TEXT}</p>", "kind": "internal"})
    await made("/v1/routing-rules", {"name": "a", "strategy": "least_busy", "filter": f'subject_line : "{TEXT}"'})
    mailbox_id = await made("/v1/mailboxes", {"name": "a", "address": EMAIL})
    mail = f"From: {EMAIL}\r\nSubject: {TEXT}\r\nMessage-ID: <{EMAIL}>\r\n\r\n{TEXT}\r\n"
    held = await client.post(f"/v1/mailboxes/{mailbox_id}/inbound", content=mail, headers={"Content-Type": "message/rfc822"})
    await made(f"/v1/mailboxes/{mailbox_id}/messages/{held.json()['id']}/release", {})
    assert (await client.post(f"/v1/tickets/{ticket_id}/resolve", json={})).is_success


async def test_no_canary_leaves_its_owner(door: Door, capfd: pytest.CaptureFixture[str]) -> None:
    company = await door.company(email=EMAIL, admin_name=TEXT)
    client = door.client(company.token)
    contact = await client.post("/v1/contacts", json=CONTACT)
    assert contact.status_code == 201, contact.text
    contact_id = contact.json()["id"]
    assert (await client.post("/v1/contacts", json={"kind": "organization", "legal_name": TEXT})).status_code == 201
    changed = await client.patch(f"/v1/contacts/{contact_id}", json={"given_name": f"{TEXT} too"}, headers={"If-Match": "*"})
    assert changed.status_code == 200
    await plant_in_tickets(client)
    order = (await client.post("/v1/orders", json=ORDER | {"contact_id": contact_id})).json()
    for verb in ("place", "pay", "refund"):
        assert (await client.post(f"/v1/orders/{order['id']}/{verb}", json={})).is_success
    visit = (await client.post("/v1/activities", json=ACTIVITY | {"contact_ids": [contact_id]})).json()
    for verb, said in (("start", {}), ("complete", {"outcome": TEXT})):
        assert (await client.post(f"/v1/activities/{visit['id']}/{verb}", json=said)).is_success
    pipeline = (await client.post("/v1/pipelines", json=PIPELINE)).json()
    opportunity = await client.post("/v1/opportunities", json={"name": TEXT, "next_step": TEXT, "pipeline_id": pipeline["id"]})
    assert opportunity.status_code == 201, opportunity.text
    path = f"/v1/opportunities/{opportunity.json()['id']}"
    assert (await client.patch(path, json={"name": f"{TEXT} too", "next_step": TEXT[1:]}, headers={"If-Match": "*"})).is_success
    assert (await client.post(f"{path}/win", json={})).is_success
    lead = await client.post("/v1/leads", json={"contact_id": contact_id, "source": "call", "interest": TEXT})
    assert lead.status_code == 201
    assert (await client.post("/v1/users", json={"email": f"b{EMAIL}", "name": TEXT})).status_code == 201
    for path, body in CAMPAIGNS.items():
        assert (await client.post(path, json=body)).status_code == 201, path
    refused = [
        await client.post("/v1/contacts", json=CONTACT | {"emails": [{"address": TEXT}]}),
        await client.post("/v1/contacts", json=CONTACT | {"nonsense": TEXT}),
        await client.get("/v1/contacts", params={"filter": f'nonsense = "{TEXT}"'}),
        await client.get(f"/v1/contacts/{CANARY}"),
    ]
    assert {answer.status_code for answer in refused} == {422}
    await client.post("/v1/models/fit", json={})
    await door.mitra.drain()
    for service, tables in KEPT.items():
        for table in tables:
            found = await contents(door.mitra, service, table)
            assert [sign for sign in SIGNS if sign in found] == [], f"{service}.{table}"
    assert await contents(door.mitra, "bus", "bus_record") != ""
    moved = await files_of_the_history(door.mitra)
    assert f"order/{order['id']}" in moved
    assert [sign for sign in SIGNS if sign in moved] == []
    logged = "".join(capfd.readouterr())
    assert [sign for sign in SIGNS if sign in logged] == []
