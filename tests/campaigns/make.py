"""Campaigns and what they are made of for tests, valid and boring."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import insert

from services.references import ConsentReference
from tests.harness import Mitra

CANARY = "zqcanary"
SENDER: dict[str, Any] = {"name": "Shop", "from_name": f"{CANARY} shop", "from_address": f"{CANARY}@example.com"}
TEMPLATE: dict[str, Any] = {
    "name": "Spring",
    "subject": f"{CANARY} {{{{ contact.given_name }}}}",
    "text": f"{CANARY} Hello {{{{ contact.given_name }}}}, stop: {{{{ unsubscribe_url }}}}",
    "html": f'<p>{CANARY} Hello {{{{ contact.given_name }}}}</p><a href="https://shop.example.com/spring">Look</a>',
}
AUDIENCE: dict[str, Any] = {"name": "Everybody", "include": [""], "exclude": [f'country = "{CANARY}"']}
CAMPAIGN: dict[str, Any] = {"name": "Spring", "purpose": "news", "variables": {"offer": CANARY}}
ANY = {"If-Match": "*"}


async def create(client: httpx.AsyncClient, noun: str, body: dict[str, Any]) -> dict[str, Any]:
    """The record as the service answers it."""
    answer = await client.post(f"/v1/{noun}", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def act(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    """What a verb that fits makes of the record."""
    answer = await client.post(path, json=body)
    assert answer.is_success, answer.text
    return dict(answer.json())


async def campaign(client: httpx.AsyncClient, *, template: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A draft that lacks nothing."""
    audience = await create(client, "audiences", AUDIENCE)
    words = await create(client, "templates", TEMPLATE | (template or {}))
    sender = await create(client, "senders", SENDER)
    await act(client, f"/v1/audiences/{audience['id']}/ready")
    await act(client, f"/v1/templates/{words['id']}/publish")
    await act(client, f"/v1/senders/{sender['id']}/verify")
    parts = {"audience_id": audience["id"], "template_id": words["id"], "sender_id": sender["id"]}
    return await create(client, "campaigns", {"name": "Spring", "purpose": "news", **parts, **fields})


async def scheduled(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A campaign that begins at once."""
    made = await campaign(client, **fields)
    for verb in ("submit", "approve", "schedule"):
        made = await act(client, f"/v1/campaigns/{made['id']}/{verb}")
    return made


async def contacts(mitra: Mitra, tenant_id: UUID, bodies: Sequence[dict[str, Any]]) -> list[UUID]:
    """Contacts that campaigns knows of."""
    client = mitra.client("contacts", mitra.caller(tenant_id))
    operations = [{"op": "create", "data": {"kind": "person"} | body} for body in bodies]
    answer = await client.post("/v1/contacts/batch", json={"operations": operations, "atomic": True})
    assert answer.is_success, answer.text
    await mitra.drain(jobs=False)
    return [UUID(result["id"]) for result in answer.json()["results"]]


async def consents(mitra: Mitra, tenant_id: UUID, contact_ids: Sequence[UUID], **fields: Any) -> dict[UUID, UUID]:
    """Consents to news by e-mail, as campaigns knows them, by contact."""
    ids = {contact_id: uuid4() for contact_id in contact_ids}
    usual = {"tenant_id": tenant_id, "purpose": "news", "channel": "email", "status": "granted", "changed_at": mitra.clock()} | fields
    async with mitra.session("campaigns", tenant_id) as session:
        rows = [usual | {"consent_id": consent_id, "contact_id": contact_id} for contact_id, consent_id in ids.items()]
        await session.execute(insert(ConsentReference), rows)
        await session.commit()
    return ids


def person(number: int, **fields: Any) -> dict[str, Any]:
    """Somebody with a name and an address."""
    return {"given_name": f"Asha{number}", "emails": [{"address": f"{CANARY}{number}@example.com"}], "country": "DE"} | fields


async def readers(mitra: Mitra, tenant_id: UUID, number: int) -> list[UUID]:
    """Contacts who want the news."""
    ids = await contacts(mitra, tenant_id, [person(each) for each in range(number)])
    await consents(mitra, tenant_id, ids)
    return ids
