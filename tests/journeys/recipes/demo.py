"""How the operations of the demo service succeed."""

from tests.journeys.recipes.making import SEARCH, World, history_of, jobs_of, on, plain

BATCH = {"operations": [{"op": "create", "data": {"label": "lamp"}}]}


async def _thing(world: World) -> str:
    return str((await world.made("/v1/things", {"label": "lamp"}))["id"])


plain("things.list", "GET", "/v1/things")
plain("things.search", "POST", "/v1/things/search", SEARCH)
plain("things.create", "POST", "/v1/things", {"label": "lamp"})
plain("things.batch", "POST", "/v1/things/batch", BATCH)
on("things.get", "GET", "/v1/things/{}", _thing)
on("things.update", "PATCH", "/v1/things/{}", _thing, {"label": "desk"})
on("things.use", "POST", "/v1/things/{}/use", _thing, {})
on("things.archive", "POST", "/v1/things/{}/archive", _thing)
on("things.restore", "POST", "/v1/things/{}/restore", _thing)
history_of("things", _thing)
jobs_of("demo")
