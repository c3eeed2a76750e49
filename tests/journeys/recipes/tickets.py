"""How the operations of tickets succeed."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from tests.journeys.recipes.making import RECIPES, SEARCH, Request, World, history_of, jobs_of, on, plain

TICKET: dict[str, Any] = {"subject_line": "Where is my lamp?", "contact_id": "0190a0a0-0000-7000-8000-000000000001"}
QUEUE = {"name": "First level"}
RULE = {"name": "By what may be lost", "strategy": "expected_loss", "filter": "churn_bps > 3000", "fairness_floor_minutes": 60}
MAILBOX = {"name": "Help", "address": "help@desk.example"}
MAIL = b"From: asha@example.com\r\nSubject: My lamp\r\n\r\nWhere is it?\r\n"
USER_ID = "0190a0a0-0000-7000-8000-000000000002"


def _ticket(*verbs: str) -> Callable[[World], Awaitable[str]]:
    async def make(world: World) -> str:
        ticket = await world.made("/v1/tickets", TICKET)
        for verb in verbs:
            await world.made(f"/v1/tickets/{ticket['id']}/{verb}", {"assignee_id": USER_ID} if verb == "assign" else {})
        return str(ticket["id"])

    return make


async def _queue(world: World) -> str:
    return str((await world.made("/v1/queues", QUEUE))["id"])


async def _agent(world: World) -> str:
    return str((await world.made("/v1/agents", {"user_id": str(uuid4())}))["id"])


async def _archived_queue(world: World) -> str:
    queue_id = await _queue(world)
    await world.made(f"/v1/queues/{queue_id}/archive", {})
    return queue_id


async def _route(world: World) -> Request:
    return Request("POST", f"/v1/tickets/{await _ticket()(world)}/route", {"queue_id": await _queue(world)})


async def _mailbox(world: World) -> str:
    return str((await world.made("/v1/mailboxes", MAILBOX))["id"])


async def _archived_mailbox(world: World) -> str:
    mailbox_id = await _mailbox(world)
    await world.made(f"/v1/mailboxes/{mailbox_id}/archive", {})
    return mailbox_id


async def _inbound(world: World) -> Request:
    path = f"/v1/mailboxes/{await _mailbox(world)}/inbound"
    return Request("POST", path, content=MAIL, headers={"Content-Type": "message/rfc822"})


def _decide(verb: str) -> Callable[[World], Awaitable[Request]]:
    async def recipe(world: World) -> Request:
        inbound = await _inbound(world)
        held = (await inbound.send(world.client)).json()
        path = inbound.path.replace("inbound", f"messages/{held['id']}/{verb}")
        return Request("POST", path, {} if verb == "release" else None)

    return recipe


async def _steps(world: World) -> Request:
    """Other tenants are answered step by step, so no request of theirs is refused as a whole."""
    return Request("POST", "/v1/tickets/steps", {"steps": [{"ticket_id": await _ticket()(world), "verb": "resolve"}]}, ids=False)


async def _pull(world: World) -> Request:
    """A case waits, and who calls (the user of the key) is there."""
    queue_id, me = await _queue(world), str((await world.client.get("/v1/users")).json()["items"][-1]["id"])
    upsert = {"op": "upsert", "key": {"source": "desk", "id": "me"}, "data": {"user_id": me}}
    agent = await world.made("/v1/agents/batch", {"operations": [upsert]})
    await world.made(f"/v1/agents/{agent['results'][0]['id']}/presence", {"presence": "available"})
    await world.made("/v1/tickets", TICKET | {"queue_id": queue_id})
    return Request("POST", f"/v1/queues/{queue_id}/pull")


def _rule(*verbs: str) -> Callable[[World], Awaitable[str]]:
    async def make(world: World) -> str:
        rule = await world.made("/v1/routing-rules", RULE)
        for verb in verbs:
            await world.made(f"/v1/routing-rules/{rule['id']}/{verb}", {})
        return str(rule["id"])

    return make


plain("tickets.list", "GET", "/v1/tickets")
plain("tickets.search", "POST", "/v1/tickets/search", SEARCH)
plain("tickets.create", "POST", "/v1/tickets", TICKET)
plain("tickets.batch", "POST", "/v1/tickets/batch", {"operations": [{"op": "create", "data": TICKET}]})
on("tickets.get", "GET", "/v1/tickets/{}", _ticket())
on("tickets.update", "PATCH", "/v1/tickets/{}", _ticket(), {"priority": "high"})
on("tickets.assign", "POST", "/v1/tickets/{}/assign", _ticket(), {"assignee_id": USER_ID})
on("tickets.escalate", "POST", "/v1/tickets/{}/escalate", _ticket(), {})
on("tickets.wait", "POST", "/v1/tickets/{}/wait", _ticket("assign"), {})
on("tickets.continue", "POST", "/v1/tickets/{}/continue", _ticket("assign", "wait"), {})
on("tickets.resolve", "POST", "/v1/tickets/{}/resolve", _ticket(), {})
on("tickets.reopen", "POST", "/v1/tickets/{}/reopen", _ticket("resolve"), {})
on("tickets.watch", "POST", "/v1/tickets/{}/watch", _ticket(), {"user_id": USER_ID})
on("tickets.archive", "POST", "/v1/tickets/{}/archive", _ticket())
on("tickets.restore", "POST", "/v1/tickets/{}/restore", _ticket("archive"))
RECIPES["tickets.route"] = _route
RECIPES["tickets.steps"] = _steps
on("messages.list", "GET", "/v1/tickets/{}/messages", _ticket())
on("messages.create", "POST", "/v1/tickets/{}/messages", _ticket(), {"text": "We are on it.", "kind": "public"})
history_of("tickets", _ticket())

plain("queues.list", "GET", "/v1/queues")
plain("queues.search", "POST", "/v1/queues/search", SEARCH)
plain("queues.create", "POST", "/v1/queues", QUEUE)
plain("queues.batch", "POST", "/v1/queues/batch", {"operations": [{"op": "create", "data": QUEUE}]})
on("queues.get", "GET", "/v1/queues/{}", _queue)
on("queues.update", "PATCH", "/v1/queues/{}", _queue, {"name": "Second level"})
on("queues.retire", "POST", "/v1/queues/{}/retire", _queue)
on("queues.archive", "POST", "/v1/queues/{}/archive", _queue)
on("queues.restore", "POST", "/v1/queues/{}/restore", _archived_queue)
RECIPES["queues.pull"] = _pull
history_of("queues", _queue)

plain("agents.list", "GET", "/v1/agents")
plain("agents.search", "POST", "/v1/agents/search", SEARCH)
plain("agents.create", "POST", "/v1/agents", {"user_id": str(uuid4())})
plain("agents.batch", "POST", "/v1/agents/batch", {"operations": [{"op": "create", "data": {"user_id": str(uuid4())}}]})
on("agents.get", "GET", "/v1/agents/{}", _agent)
on("agents.update", "PATCH", "/v1/agents/{}", _agent, {"capacity": 3})
on("agents.presence", "POST", "/v1/agents/{}/presence", _agent, {"presence": "available"})
on("agents.retire", "POST", "/v1/agents/{}/retire", _agent)
on("agents.archive", "POST", "/v1/agents/{}/archive", _agent)
on("agents.restore", "POST", "/v1/agents/{}/restore", _agent)
history_of("agents", _agent)

plain("routing-rules.list", "GET", "/v1/routing-rules")
plain("routing-rules.search", "POST", "/v1/routing-rules/search", SEARCH)
plain("routing-rules.create", "POST", "/v1/routing-rules", RULE)
plain("routing-rules.batch", "POST", "/v1/routing-rules/batch", {"operations": [{"op": "create", "data": RULE}]})
plain("routing-rules.run", "POST", "/v1/routing-rules/run?dry_run=true", {})
on("routing-rules.get", "GET", "/v1/routing-rules/{}", _rule())
on("routing-rules.update", "PATCH", "/v1/routing-rules/{}", _rule(), {"position": 3})
on("routing-rules.activate", "POST", "/v1/routing-rules/{}/activate", _rule())
on("routing-rules.retire", "POST", "/v1/routing-rules/{}/retire", _rule("activate"))
on("routing-rules.archive", "POST", "/v1/routing-rules/{}/archive", _rule())
on("routing-rules.restore", "POST", "/v1/routing-rules/{}/restore", _rule("archive"))
history_of("routing-rules", _rule())

plain("mailboxes.list", "GET", "/v1/mailboxes")
plain("mailboxes.search", "POST", "/v1/mailboxes/search", SEARCH)
plain("mailboxes.create", "POST", "/v1/mailboxes", MAILBOX)
plain("mailboxes.batch", "POST", "/v1/mailboxes/batch", {"operations": [{"op": "create", "data": MAILBOX}]})
on("mailboxes.get", "GET", "/v1/mailboxes/{}", _mailbox)
on("mailboxes.update", "PATCH", "/v1/mailboxes/{}", _mailbox, {"name": "Service"})
on("mailboxes.retire", "POST", "/v1/mailboxes/{}/retire", _mailbox)
on("mailboxes.archive", "POST", "/v1/mailboxes/{}/archive", _mailbox)
on("mailboxes.restore", "POST", "/v1/mailboxes/{}/restore", _archived_mailbox)
on("mailboxes.messages", "GET", "/v1/mailboxes/{}/messages", _mailbox)
RECIPES["mailboxes.inbound"] = _inbound
RECIPES["mailboxes.release"] = _decide("release")
RECIPES["mailboxes.discard"] = _decide("discard")
history_of("mailboxes", _mailbox)
jobs_of("tickets")
