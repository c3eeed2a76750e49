"""How the operations of activities, assignment rules and leads succeed."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.journeys.recipes.making import ORDER, RECIPES, SEARCH, Request, World, history_of, on, plain

ACTIVITY = {"kind": "call", "subject": "Ask how it goes", "contact_ids": [ORDER["contact_id"]]}


def _after(noun: str, body: dict[str, Any], *verbs: str) -> Callable[[World], Awaitable[str]]:
    async def make(world: World) -> str:
        record_id = str((await world.made(f"/v1/{noun}", body))["id"])
        for verb in verbs:
            await world.made(f"/v1/{noun}/{record_id}/{verb}", {})
        return record_id

    return make


def _activity_after(*verbs: str) -> Callable[[World], Awaitable[str]]:
    return _after("activities", ACTIVITY, *verbs)


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


RULE = {"noun": "leads", "strategy": "round_robin", "targets": [{"user_id": "0190a0a0-0000-7000-8000-000000000003"}]}
LEAD = {"contact_id": ORDER["contact_id"], "source": "web_form", "owner_id": "0190a0a0-0000-7000-8000-000000000003"}

for _noun, _body, _patch in (("assignment-rules", RULE, {"order": 7}), ("leads", LEAD, {"score_bps": 2_500})):
    plain(f"{_noun}.list", "GET", f"/v1/{_noun}")
    plain(f"{_noun}.search", "POST", f"/v1/{_noun}/search", SEARCH)
    plain(f"{_noun}.create", "POST", f"/v1/{_noun}", _body)
    plain(f"{_noun}.batch", "POST", f"/v1/{_noun}/batch", {"operations": [{"op": "create", "data": _body}]})
    on(f"{_noun}.get", "GET", f"/v1/{_noun}/{{}}", _after(_noun, _body))
    on(f"{_noun}.update", "PATCH", f"/v1/{_noun}/{{}}", _after(_noun, _body), _patch)
    on(f"{_noun}.archive", "POST", f"/v1/{_noun}/{{}}/archive", _after(_noun, _body))
    on(f"{_noun}.restore", "POST", f"/v1/{_noun}/{{}}/restore", _after(_noun, _body, "archive"))
    history_of(_noun, _after(_noun, _body))
plain("assignment-rules.run", "POST", "/v1/assignment-rules/run?dry_run=true", {"noun": "leads"})
on("assignment-rules.activate", "POST", "/v1/assignment-rules/{}/activate", _after("assignment-rules", RULE))
on("assignment-rules.retire", "POST", "/v1/assignment-rules/{}/retire", _after("assignment-rules", RULE, "activate"))
on("leads.work", "POST", "/v1/leads/{}/work", _after("leads", LEAD), {})
on("leads.qualify", "POST", "/v1/leads/{}/qualify", _after("leads", LEAD, "work"), {})
on("leads.disqualify", "POST", "/v1/leads/{}/disqualify", _after("leads", LEAD), {})
on("leads.recycle", "POST", "/v1/leads/{}/recycle", _after("leads", LEAD, "disqualify"), {})
on("leads.assign", "POST", "/v1/leads/{}/assign", _after("leads", LEAD), {"owner_id": "0190a0a0-0000-7000-8000-000000000004"})


async def _convert(world: World) -> Request:
    stages = [
        {"key": "new", "name": "New", "probability_bps": 1_000},
        *({"key": kind, "name": kind, "kind": kind} for kind in ("won", "lost")),
    ]
    pipeline = await world.made("/v1/pipelines", {"name": "Leads", "currency": "EUR", "stages": stages})
    lead_id = await _after("leads", LEAD, "work", "qualify")(world)
    return Request("POST", f"/v1/leads/{lead_id}/convert", {"name": "Ten lamps", "pipeline_id": pipeline["id"]})


RECIPES["leads.convert"] = _convert
