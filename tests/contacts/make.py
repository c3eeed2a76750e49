"""Contacts for tests, valid and boring, and a body with a canary in every personal field."""

from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from services.tokens import KeyPairs, Minter
from tests.harness import Mitra

CANARY = "zqcanary"
PERSONAL_BODY: dict[str, Any] = {
    "kind": "organization",
    "display_name": f"{CANARY} display",
    "given_name": f"{CANARY} given",
    "family_name": f"{CANARY} family",
    "legal_name": f"{CANARY} legal",
    "emails": [{"address": f"{CANARY}@example.org", "label": f"{CANARY} label"}],
    "phones": [{"raw": "+49 171 5550199", "label": f"{CANARY} phone"}],
    "addresses": [
        {
            "lines": [f"{CANARY} street"],
            "city": f"{CANARY} city",
            "region": f"{CANARY} region",
            "postal_code": f"{CANARY} code",
            "country": "DE",
            "label": f"{CANARY} place",
        }
    ],
    "birth_on": "1971-03-31",
    "website": f"https://{CANARY}.example.org/about",
    "preferences": {name: [f"{CANARY} {name}"] for name in ("likes", "dislikes", "competitor_products", "expectations")},
}
CANARIES = (CANARY, "5550199", "1971-03-31")
PUBLIC_BODY: dict[str, Any] = {
    "language": "pt-BR",
    "time_zone": "Europe/Berlin",
    "country": "DE",
    "owner_id": "0190b2c0-0000-7000-8000-000000000001",
    "team_ids": [{"team_id": "0190b2c0-0000-7000-8000-000000000002", "role": "sales"}],
    "roles": ["customer", "partner"],
    "industry": "C28",
    "size_band": "50-249",
    "preferred_channel": "email",
    "preferred_agent_id": "0190b2c0-0000-7000-8000-000000000003",
    "persona": "planner",
    "potential_minor": 1_250_000,
    "currency": "EUR",
    "tags": ["trade fair", "vip"],
    "external_ids": [{"source": "erp", "id": "K-17"}],
}


async def create(contacts: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A contact with `fields` laid over a plain person."""
    answer = await contacts.post("/v1/contacts", json={"given_name": "Ann", "family_name": "Lee", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def patch(contacts: httpx.AsyncClient, contact: dict[str, Any], **fields: Any) -> httpx.Response:
    """A merge patch of the version that `contact` shows."""
    return await contacts.patch(f"/v1/contacts/{contact['id']}", json=fields, headers={"If-Match": str(contact["version"])})


PURPOSE: dict[str, Any] = {
    "key": "news",
    "name": "News",
    "channels": ["email", "sms"],
    "wordings": [{"language": "en", "text": "May we write to you?"}, {"language": "de", "text": "Dürfen wir Ihnen schreiben?"}],
}


async def create_purpose(contacts: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A consent purpose, `news` by e-mail and SMS in two languages."""
    answer = await contacts.post("/v1/consent-purposes", json=PURPOSE | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def proof(at: datetime, **fields: Any) -> dict[str, Any]:
    """What shows a consent."""
    return {"kind": "statement", "at": at.isoformat(), **fields}


async def ask(contacts: httpx.AsyncClient, contact_id: str, **fields: Any) -> httpx.Response:
    """Ask a contact for news by e-mail."""
    return await contacts.post("/v1/consents", json={"contact_id": contact_id, "purpose": "news", "channel": "email"} | fields)


def lasting_client(mitra: Mitra, tenant_id: UUID, service: str = "contacts") -> httpx.AsyncClient:
    """A client of a service that may do everything in a tenant, and has a fresh token for each request, whatever the clock says."""
    minter, caller = Minter(KeyPairs.load(mitra.settings.keys_folder, "gateway"), clock=mitra.clock), mitra.caller(tenant_id)

    async def sign(request: httpx.Request) -> None:
        request.headers["Authorization"] = f"Bearer {minter.mint(caller, f'{service}_svc')}"

    client = mitra.client(service, caller)
    client.event_hooks = {"request": [sign]}
    return client


async def settle(mitra: Mitra) -> None:
    """Let contacts hear, work and tell until it is quiet; the other services stand still."""
    worker, moved = mitra.workers["contacts"], True
    async with mitra.databases["contacts"].engine.connect() as connection:
        while moved:
            moved = bool(await worker.relay.move(mitra.relays["contacts"]))
            moved |= bool(await worker.consumer.step(wait_seconds=0.0))
            moved |= await worker.jobs.step(connection)
