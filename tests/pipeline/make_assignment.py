"""Assignment rules and what they give out, for tests."""

from typing import Any
from uuid import UUID

import httpx

ANN, BEN, CAT = (str(UUID(int=n)) for n in (1, 2, 3))
RICH, POOR, UNSCORED = (str(UUID(int=n)) for n in (11, 12, 13))


def rule(*users: str, **fields: Any) -> dict[str, Any]:
    """The body of a rule that gives leads to `users` in turn."""
    return {"noun": "leads", "strategy": "round_robin", "targets": [{"user_id": user} for user in users], **fields}


async def draft(sales: httpx.AsyncClient, *users: str, **fields: Any) -> dict[str, Any]:
    """The rule as the service answers it."""
    answer = await sales.post("/v1/assignment-rules", json=rule(*users, **fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def active(sales: httpx.AsyncClient, *users: str, **fields: Any) -> dict[str, Any]:
    """The same, at work."""
    drafted = await draft(sales, *users, **fields)
    return dict((await sales.post(f"/v1/assignment-rules/{drafted['id']}/activate")).json())


async def open_lead(sales: httpx.AsyncClient, contact_id: str = UNSCORED, **fields: Any) -> dict[str, Any]:
    """A lead as the service answers it."""
    answer = await sales.post("/v1/leads", json={"contact_id": contact_id, "source": "web_form", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
