"""How the operations of tickets succeed."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.journeys.recipes.making import SEARCH, World, history_of, jobs_of, on, plain

TICKET: dict[str, Any] = {"subject_line": "Where is my lamp?", "contact_id": "0190a0a0-0000-7000-8000-000000000001"}
QUEUE_ID = "0190a0a0-0000-7000-8000-000000000002"


def _ticket(*verbs: str) -> Callable[[World], Awaitable[str]]:
    async def make(world: World) -> str:
        ticket = await world.made("/v1/tickets", TICKET)
        for verb in verbs:
            await world.made(f"/v1/tickets/{ticket['id']}/{verb}", {"assignee_id": QUEUE_ID} if verb == "assign" else {})
        return str(ticket["id"])

    return make


plain("tickets.list", "GET", "/v1/tickets")
plain("tickets.search", "POST", "/v1/tickets/search", SEARCH)
plain("tickets.create", "POST", "/v1/tickets", TICKET)
plain("tickets.batch", "POST", "/v1/tickets/batch", {"operations": [{"op": "create", "data": TICKET}]})
on("tickets.get", "GET", "/v1/tickets/{}", _ticket())
on("tickets.update", "PATCH", "/v1/tickets/{}", _ticket(), {"priority": "high"})
on("tickets.assign", "POST", "/v1/tickets/{}/assign", _ticket(), {"assignee_id": QUEUE_ID})
on("tickets.route", "POST", "/v1/tickets/{}/route", _ticket(), {"queue_id": QUEUE_ID})
on("tickets.escalate", "POST", "/v1/tickets/{}/escalate", _ticket(), {})
on("tickets.wait", "POST", "/v1/tickets/{}/wait", _ticket("assign"), {})
on("tickets.continue", "POST", "/v1/tickets/{}/continue", _ticket("assign", "wait"), {})
on("tickets.resolve", "POST", "/v1/tickets/{}/resolve", _ticket(), {})
on("tickets.reopen", "POST", "/v1/tickets/{}/reopen", _ticket("resolve"), {})
on("tickets.watch", "POST", "/v1/tickets/{}/watch", _ticket(), {"user_id": QUEUE_ID})
on("tickets.archive", "POST", "/v1/tickets/{}/archive", _ticket())
on("tickets.restore", "POST", "/v1/tickets/{}/restore", _ticket("archive"))
history_of("tickets", _ticket())
jobs_of("tickets")
