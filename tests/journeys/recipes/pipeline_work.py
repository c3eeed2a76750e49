"""How the operations of activities succeed."""

from collections.abc import Awaitable, Callable

from tests.journeys.recipes.making import ORDER, SEARCH, World, history_of, on, plain

ACTIVITY = {"kind": "call", "subject": "Ask how it goes", "contact_ids": [ORDER["contact_id"]]}


def _activity_after(*verbs: str) -> Callable[[World], Awaitable[str]]:
    async def make(world: World) -> str:
        activity_id = str((await world.made("/v1/activities", ACTIVITY))["id"])
        for verb in verbs:
            await world.made(f"/v1/activities/{activity_id}/{verb}", {})
        return activity_id

    return make


plain("activities.list", "GET", "/v1/activities")
plain("activities.search", "POST", "/v1/activities/search", SEARCH)
plain("activities.schedule", "GET", "/v1/activities/schedule?owner=0190a0a0-0000-7000-8000-000000000002")
plain("activities.create", "POST", "/v1/activities", ACTIVITY)
plain("activities.batch", "POST", "/v1/activities/batch", {"operations": [{"op": "create", "data": ACTIVITY}]})
on("activities.get", "GET", "/v1/activities/{}", _activity_after())
on("activities.update", "PATCH", "/v1/activities/{}", _activity_after(), {"purpose": "sale"})
on("activities.start", "POST", "/v1/activities/{}/start", _activity_after(), {})
on("activities.complete", "POST", "/v1/activities/{}/complete", _activity_after("start"), {"outcome": "It goes well"})
on("activities.cancel", "POST", "/v1/activities/{}/cancel", _activity_after(), {})
on("activities.reschedule", "POST", "/v1/activities/{}/reschedule", _activity_after(), {"due_at": "2026-05-01T09:00:00Z"})
on("activities.archive", "POST", "/v1/activities/{}/archive", _activity_after())
on("activities.restore", "POST", "/v1/activities/{}/restore", _activity_after("archive"))
history_of("activities", _activity_after())
