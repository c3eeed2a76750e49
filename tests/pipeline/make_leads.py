"""Leads for tests, valid and boring."""

from typing import Any

import httpx

CONTACT = "0190a0a0-0000-7000-8000-00000000002a"


def lead(**fields: Any) -> dict[str, Any]:
    """The body of a lead."""
    return {"contact_id": CONTACT, "source": "web_form", **fields}


async def open_lead(leads: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """The lead as the service answers it."""
    answer = await leads.post("/v1/leads", json=lead(**fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def patch(leads: httpx.AsyncClient, lead: dict[str, Any], **fields: Any) -> httpx.Response:
    """A merge patch of the version that `lead` shows."""
    return await leads.patch(f"/v1/leads/{lead['id']}", json=fields, headers={"If-Match": f'"{lead["version"]}"'})
