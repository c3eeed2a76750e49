"""Tickets for tests, valid and boring, and what their events say."""

from typing import Any
from uuid import uuid4

import httpx

from services.envelope import Envelope

CANARY = "zqcanary"
OWNER_HELD = {"subject_line", "version", "updated_at"}
WAYS: dict[str, list[str]] = {
    "new": [],
    "open": ["assign"],
    "pending_customer": ["assign", "wait"],
    "resolved": ["resolve"],
}
"""The verbs that bring a new ticket into a state."""


def ticket(**fields: Any) -> dict[str, Any]:
    """The body of a question by somebody we know."""
    return {"subject_line": "Where is my lamp?", "contact_id": str(uuid4()), **fields}


async def create(desk: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """The ticket as the service answers it."""
    return await post(desk, "/v1/tickets", ticket(**fields), status=201)


async def post(desk: httpx.AsyncClient, path: str, body: Any, *, status: int = 200) -> dict[str, Any]:
    """The answer to a request that fits."""
    answer = await desk.post(path, json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def act(desk: httpx.AsyncClient, ticket_id: Any, verb: str, **body: Any) -> dict[str, Any]:
    """What a verb that fits makes of the ticket."""
    return await post(desk, f"/v1/tickets/{ticket_id}/{verb}", body)


async def batch(desk: httpx.AsyncClient, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of a batch of tickets."""
    return list((await post(desk, "/v1/tickets/batch", {"operations": operations}))["results"])


def upsert(key: str, **fields: Any) -> dict[str, Any]:
    """A batch operation as an import sends it."""
    return {"op": "upsert", "key": {"source": "old", "id": key}, "data": {"subject_line": "Where is my lamp?", **fields}}


def public(read: dict[str, Any]) -> dict[str, Any]:
    """What of a read is in events."""
    checklist = [{"item_no": item["item_no"], "done": item["done"]} for item in read["checklist"]]
    return {name: value for name, value in read.items() if name not in OWNER_HELD} | {"checklist": checklist}


def told(events: list[Envelope]) -> list[tuple[str, int, list[str]]]:
    """Fact, sequence and changed fields of each event."""
    return [(event.type.split(".")[2], event.sequence, event.data["changed"]) for event in events]


async def queue(desk: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A queue as the service answers it."""
    return await post(desk, "/v1/queues", {"name": "First level", **fields}, status=201)


async def agent(desk: httpx.AsyncClient, user_id: Any, *, presence: str = "available", **fields: Any) -> dict[str, Any]:
    """An agent who is there."""
    made = await post(desk, "/v1/agents", {"user_id": str(user_id), **fields}, status=201)
    return await post(desk, f"/v1/agents/{made['id']}/presence", {"presence": presence})
