"""Contacts for tests, valid and boring, and a body with a canary in every personal field."""

from typing import Any

import httpx

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
