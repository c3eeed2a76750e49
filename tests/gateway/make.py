"""Builders of the gateway's records, through the door."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx


@dataclass(frozen=True)
class Company:
    """A tenant with its first key."""

    tenant_id: UUID
    user_id: UUID
    key_id: UUID
    token: str


async def found_company(
    operator: httpx.AsyncClient, *, name: str = "Acme", email: str = "ada@acme.example", admin_name: str = "Ada", **fields: Any
) -> Company:
    """A company founded with an operator's key."""
    body = {"name": name, "time_zone": "Europe/Berlin", "currency": "EUR", "admin": {"email": email, "name": admin_name}, **fields}
    answer = await operator.post("/v1/tenants", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return Company(UUID(made["id"]), UUID(made["admin"]["id"]), UUID(made["key"]["id"]), made["key"]["secret"])


async def make_key(client: httpx.AsyncClient, *, scopes: list[str], **fields: Any) -> dict[str, Any]:
    """A further key of the client's company."""
    answer = await client.post("/v1/keys", json={"name": "till", "scopes": scopes, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
