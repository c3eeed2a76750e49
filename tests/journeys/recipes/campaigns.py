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
HOLDOUT = {"share_bps": 500}
CAMPAIGN = {"name": "Spring", "purpose": "news"}


async def _parts(world: World) -> dict[str, str]:
    """An audience, a template and a sender that a campaign may be made of."""
    return {
        "audience_id": await _made("audiences", AUDIENCE, "ready")(world),
        "template_id": await _made("templates", TEMPLATE, "publish")(world),
        "sender_id": await _made("senders", SENDER, "verify")(world),
    }


def _campaign(*verbs: str) -> Callable[[World], Awaitable[str]]:
    """A complete campaign after `verbs`; `start` lets it begin."""

    async def make(world: World) -> str:
        campaign = await world.made("/v1/campaigns", CAMPAIGN | await _parts(world))
        for verb in verbs:
            if verb == "start":
                await world.mitra.drain()
            else:
                await world.made(f"/v1/campaigns/{campaign['id']}/{verb}", {})
        return str(campaign["id"])

    return make


APPROVED = ("submit", "approve")
RUNNING = (*APPROVED, "schedule", "start")
_usual("holdouts", HOLDOUT, {"until_on": "2030-01-01"})
on("holdouts.end", "POST", "/v1/holdouts/{}/end", _made("holdouts", HOLDOUT))
_usual("campaigns", CAMPAIGN, {"holdout_bps": 100})
on("campaigns.submit", "POST", "/v1/campaigns/{}/submit", _campaign())
on("campaigns.approve", "POST", "/v1/campaigns/{}/approve", _campaign("submit"))
on("campaigns.reject", "POST", "/v1/campaigns/{}/reject", _campaign("submit"))
on("campaigns.schedule", "POST", "/v1/campaigns/{}/schedule", _campaign(*APPROVED))
on("campaigns.pause", "POST", "/v1/campaigns/{}/pause", _campaign(*RUNNING))
on("campaigns.resume", "POST", "/v1/campaigns/{}/resume", _campaign(*RUNNING, "pause"))
on("campaigns.stop", "POST", "/v1/campaigns/{}/stop", _campaign(*RUNNING))
on("campaigns.clone", "POST", "/v1/campaigns/{}/clone", _campaign())
on("campaigns.recipients", "GET", "/v1/campaigns/{}/recipients", _campaign())
on("campaigns.counts", "GET", "/v1/campaigns/{}/counts", _campaign())
on("campaigns.lift", "GET", "/v1/campaigns/{}/lift", _campaign(*RUNNING))
on("campaigns.explain", "GET", "/v1/campaigns/{}/explain?contact_id=0190a0a0-0000-7000-8000-000000000001", _campaign())


async def _send(world: World) -> str:
    """A send: somebody who is held out is skipped as the campaign begins."""
    await world.contact()
    await world.mitra.drain()
    campaign = await world.made("/v1/campaigns", CAMPAIGN | await _parts(world))
    everybody = {"scope": "campaign", "campaign_id": campaign["id"], "share_bps": 9_000}
    for _ in range(10):
        await world.made("/v1/holdouts", everybody)
    for verb in (*APPROVED, "schedule"):
        await world.made(f"/v1/campaigns/{campaign['id']}/{verb}", {})
    await world.mitra.drain()
    answer = await world.client.get("/v1/sends?page_size=1")
    return str(answer.json()["items"][0]["id"])


plain("sends.list", "GET", "/v1/sends")
plain("sends.search", "POST", "/v1/sends/search", SEARCH)
on("sends.get", "GET", "/v1/sends/{}", _send)
history_of("sends", _send)
jobs_of("campaigns")
