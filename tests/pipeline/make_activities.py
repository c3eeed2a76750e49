"""Activities for tests, valid and boring."""

from typing import Any

import httpx


def call(**fields: Any) -> dict[str, Any]:
    """The body of a call."""
    return {"kind": "call", "subject": "Ask how it goes", **fields}


async def plan(activities: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """The activity as the service answers it."""
    answer = await activities.post("/v1/activities", json=call(**fields))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def act(activities: httpx.AsyncClient, activity_id: Any, verb: str, **body: Any) -> dict[str, Any]:
    """What a verb that fits makes of the activity."""
    answer = await activities.post(f"/v1/activities/{activity_id}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def read(activities: httpx.AsyncClient, activity_id: Any) -> dict[str, Any]:
    """The activity as it is."""
    return dict((await activities.get(f"/v1/activities/{activity_id}")).json())


async def patch(activities: httpx.AsyncClient, activity: dict[str, Any], **fields: Any) -> httpx.Response:
    """A merge patch of the version that `activity` shows."""
    return await activities.patch(f"/v1/activities/{activity['id']}", json=fields, headers={"If-Match": f'"{activity["version"]}"'})
