"""How the operations of campaigns succeed."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from tests.journeys.recipes.making import SEARCH, World, history_of, jobs_of, on, plain

SENDER = {"name": "Shop", "from_name": "Shop", "from_address": "shop@example.com"}
TEMPLATE = {"name": "Spring", "subject": "Spring", "text": "Hello {{ contact.given_name }}"}
AUDIENCE: dict[str, Any] = {"name": "Everybody", "include": [""]}


def _made(nouns: str, body: dict[str, Any], *verbs: str) -> Callable[[World], Awaitable[str]]:
    """A record of `nouns` after `verbs`."""

    async def make(world: World) -> str:
        record = await world.made(f"/v1/{nouns}", body)
        for verb in verbs:
            await world.made(f"/v1/{nouns}/{record['id']}/{verb}", {})
        return str(record["id"])

    return make


def _usual(nouns: str, body: dict[str, Any], change: dict[str, Any]) -> None:
    """The verbs that every noun has."""
    plain(f"{nouns}.list", "GET", f"/v1/{nouns}")
    plain(f"{nouns}.search", "POST", f"/v1/{nouns}/search", SEARCH)
    plain(f"{nouns}.create", "POST", f"/v1/{nouns}", body)
    plain(f"{nouns}.batch", "POST", f"/v1/{nouns}/batch", {"operations": [{"op": "create", "data": body}]})
    on(f"{nouns}.get", "GET", f"/v1/{nouns}/{{}}", _made(nouns, body))
    on(f"{nouns}.update", "PATCH", f"/v1/{nouns}/{{}}", _made(nouns, body), change)
    on(f"{nouns}.archive", "POST", f"/v1/{nouns}/{{}}/archive", _made(nouns, body))
    on(f"{nouns}.restore", "POST", f"/v1/{nouns}/{{}}/restore", _made(nouns, body, "archive"))
    history_of(nouns, _made(nouns, body))


_usual("senders", SENDER, {"per_minute": 60})
on("senders.verify", "POST", "/v1/senders/{}/verify", _made("senders", SENDER))
on("senders.block", "POST", "/v1/senders/{}/block", _made("senders", SENDER, "verify"), {})
_usual("templates", TEMPLATE, {"subject": "Summer"})
on("templates.publish", "POST", "/v1/templates/{}/publish", _made("templates", TEMPLATE))
on("templates.retire", "POST", "/v1/templates/{}/retire", _made("templates", TEMPLATE, "publish"))
on("templates.revise", "POST", "/v1/templates/{}/revise", _made("templates", TEMPLATE, "publish"))
on("templates.render", "POST", "/v1/templates/{}/render", _made("templates", TEMPLATE), {"contact": {"given_name": "Asha"}})
_usual("audiences", AUDIENCE, {"name": "All"})
on("audiences.ready", "POST", "/v1/audiences/{}/ready", _made("audiences", AUDIENCE))
on("audiences.preview", "POST", "/v1/audiences/{}/preview", _made("audiences", AUDIENCE))


async def _suppression(world: World) -> str:
    return str((await world.made("/v1/suppressions", {"address": f"{uuid4()}@example.com"}))["id"])


plain("suppressions.list", "GET", "/v1/suppressions")
plain("suppressions.search", "POST", "/v1/suppressions/search", SEARCH)
plain("suppressions.create", "POST", "/v1/suppressions", {"address": "asha@example.com"})
on("suppressions.get", "GET", "/v1/suppressions/{}", _suppression)
on("suppressions.lift", "POST", "/v1/suppressions/{}/lift", _suppression)
history_of("suppressions", _suppression)
jobs_of("campaigns")
