"""Campaigns and what they are made of for tests, valid and boring."""

from typing import Any

import httpx

CANARY = "zqcanary"
SENDER: dict[str, Any] = {"name": "Shop", "from_name": f"{CANARY} shop", "from_address": f"{CANARY}@example.com"}
TEMPLATE: dict[str, Any] = {
    "name": "Spring",
    "subject": f"{CANARY} {{{{ contact.given_name }}}}",
    "text": f"{CANARY} Hello {{{{ contact.given_name }}}}, stop: {{{{ unsubscribe_url }}}}",
    "html": f'<p>{CANARY} Hello {{{{ contact.given_name }}}}</p><a href="https://shop.example.com/spring">Look</a>',
}
AUDIENCE: dict[str, Any] = {"name": "Everybody", "include": [""], "exclude": [f'country = "{CANARY}"']}
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
