"""A day at the door, as a steady rate of small pieces of work: every service, every kind of request, and requests that must be refused."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from services.identifiers import new_id

STAGES = [
    {"key": "new", "name": "New", "probability_bps": 1_000},
    {"key": "talk", "name": "Talking", "probability_bps": 4_000},
    {"key": "won", "name": "Won", "kind": "won"},
    {"key": "lost", "name": "Lost", "kind": "lost"},
]
WORDING = {"language": "en", "text": "May we write to you?"}
PURPOSE = {"key": "news", "name": "News", "channels": ["email"], "wordings": [WORDING]}
PROOF = {"kind": "statement", "at": "2026-01-15T10:00:00Z"}
REMEMBERED, FRESH, READERS, PAST_CUSTOMERS, DEEP_PAGES = 300, 20, 40, 150, 20
MOST_AT_ONCE = 40
Step = Callable[[], Awaitable[None]]


class Load:
    """The work of one tenant. `seconds` holds how long each request took, `unexpected` every answer that was not the one it had to be."""

    def __init__(self, client: httpx.AsyncClient, *, seed: int) -> None:
        self.seconds: list[float] = []
        self.unexpected: Counter[str] = Counter()
        self.heard = 0
        self.left_out = 0
        self._client = client
        self._dice = random.Random(seed)
        self._contacts: deque[str] = deque(maxlen=REMEMBERED)
        self._parts: dict[str, str] = {}
        self._pipeline: dict[str, Any] = {}
        self._steps: dict[Step, int] = {
            self._contact: 12,
            self._order: 20,
            self._opportunity: 10,
            self._ticket: 10,
            self._batch: 2,
            self._lists: 12,
            self._deep_pages: 1,
            self._customer: 12,
            self._refused: 10,
            self._journal: 5,
        }

    async def found(self) -> None:
        """What has to be there first: a pipeline, readers who consented, customers of the past and models of them."""
        self._pipeline = await self.ask("POST", "/v1/pipelines", {"name": "Sales", "currency": "USD", "stages": STAGES})
        await self.ask("POST", "/v1/consent-purposes", PURPOSE)
        for number in range(READERS):
            body = {"kind": "person", "given_name": f"Reader {number}", "language": "nl", "emails": [{"address": f"r{number}@example.com"}]}
            reader = (await self.ask("POST", "/v1/contacts", body))["id"]
            asked = {"contact_id": reader, "purpose": "news", "channel": "email", "status": "granted", "proof": PROOF}
            await self.ask("POST", "/v1/consents", asked)
            self._contacts.append(reader)
        await self._past()
        await self.fit()
        self._parts = await self._campaign_parts()

    async def run(self, *, a_second: float, until: float) -> None:
        """Begin a piece of work `a_second` times a second until the monotonic instant `until`; what was begun is carried to its end.

        Where too many are under way already, the piece is left out and counted, so that a slow door does not drown.
        """
        steps, weights = list(self._steps), list(self._steps.values())
        under_way: set[asyncio.Task[None]] = set()
        next_at = time.monotonic()
        while next_at < until:
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            next_at += 1 / a_second
            if len(under_way) >= MOST_AT_ONCE:
                self.left_out += 1
                continue
            task = asyncio.create_task(self._carried_out(self._dice.choices(steps, weights)[0]))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def listen(self) -> None:
        """Hold a stream of events open until cancelled."""
        async with self._client.stream("GET", "/v1/events/stream", timeout=None) as answer:
            async for line in answer.aiter_lines():
                self.heard += line.startswith("data:")

    async def ask(self, method: str, path: str, body: Any = None, *, expected: int = 0, **options: Any) -> Any:
        """One request and its answer, noted. `expected` is the status that it has to have (0: any success)."""
        began = time.perf_counter()
        try:
            answer = await self._client.request(method, path, json=body, **options)
        except httpx.TransportError as error:
            self.unexpected[f"{method} {_shape(path)}: {type(error).__name__}"] += 1
            raise
        self.seconds.append(time.perf_counter() - began)
        if answer.status_code != expected and not (expected == 0 and answer.is_success):
            self.unexpected[f"{method} {_shape(path)}: {answer.status_code}"] += 1
            answer.raise_for_status()
        return answer.json() if answer.content else {}

    async def fit(self) -> None:
        """Have the models fitted to what is known by now."""
        await self.ask("POST", "/v1/models/fit", {})

    async def campaign(self) -> None:
        """A small campaign that begins at once."""
        campaign = await self.ask("POST", "/v1/campaigns", {"name": "News", "purpose": "news", "holdout_bps": 1_000} | self._parts)
        for verb in ("submit", "approve", "schedule"):
            await self.ask("POST", f"/v1/campaigns/{campaign['id']}/{verb}", {})

    async def cohorts(self) -> None:
        """A wide question, which is answered from the history."""
        await self.ask("GET", "/v1/cohorts", params={"from": "2025-01-01"})

    async def _carried_out(self, step: Step) -> None:
        try:
            await step()
        except httpx.HTTPError:
            return  # it is noted, and the rest of this piece makes no sense without it

    async def _past(self) -> None:
        orders = []
        for _ in range(PAST_CUSTOMERS):
            contact_id, days = str(UUID(int=self._dice.getrandbits(128), version=4)), self._dice.randint(60, 400)
            while days > 0:
                placed_at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
                orders.append({"op": "create", "data": self._bought(contact_id) | {"placed_at": placed_at}})
                days -= self._dice.randint(10, 120)
        for start in range(0, len(orders), 500):
            await self.ask("POST", "/v1/orders/batch", {"operations": orders[start : start + 500]})

    async def _campaign_parts(self) -> dict[str, str]:
        audience = await self.ask("POST", "/v1/audiences", {"name": "Readers", "include": ['language = "nl"']})
        words = {"subject": "News", "text": "Hello {{ contact.given_name }}", "html": "<p>Hello {{ contact.given_name }}</p>"}
        template = await self.ask("POST", "/v1/templates", {"name": "News"} | words)
        sender = await self.ask("POST", "/v1/senders", {"name": "Shop", "from_name": "Shop", "from_address": "shop@example.com"})
        for path in (f"audiences/{audience['id']}/ready", f"templates/{template['id']}/publish", f"senders/{sender['id']}/verify"):
            await self.ask("POST", f"/v1/{path}", {})
        return {"audience_id": audience["id"], "template_id": template["id"], "sender_id": sender["id"]}

    def _bought(self, contact_id: str) -> dict[str, Any]:
        line = {"quantity": 1, "unit_price_minor": self._dice.randint(500, 9_000), "category": "music"}
        return {"contact_id": contact_id, "currency": "USD", "status": "placed", "lines": [line]}

    def _somebody(self) -> str:
        """A contact of whom every service has heard by now."""
        return self._contacts[self._dice.randrange(len(self._contacts) - FRESH)]

    async def _contact(self) -> None:
        number = self._dice.getrandbits(40)
        body = {"kind": "person", "given_name": f"Asha {number}", "country": "DE", "emails": [{"address": f"a{number}@example.com"}]}
        contact = await self.ask("POST", "/v1/contacts", body)
        self._contacts.append(contact["id"])
        await self.ask("PATCH", f"/v1/contacts/{contact['id']}", {"country": "FR"}, headers={"If-Match": f'"{contact["version"]}"'})
        await self.ask("GET", f"/v1/contacts/{contact['id']}")

    async def _order(self) -> None:
        """Placed; most are paid, some of those paid back; then the value is read as soon as it knows."""
        buyer = self._somebody()
        headers = {"Idempotency-Key": str(new_id())}
        order = await self.ask("POST", "/v1/orders", self._bought(buyer), headers=headers)
        if self._dice.random() < 0.7:
            order = await self.ask("POST", f"/v1/orders/{order['id']}/pay", {})
            if self._dice.random() < 0.3:
                order = await self.ask("POST", f"/v1/orders/{order['id']}/refund", {"amount_minor": 100})
        version = {"Mitra-Version": f"order/{order['id']}@{order['version']}"}
        await self.ask("GET", f"/v1/customers/{buyer}/value", headers=version)

    async def _opportunity(self) -> None:
        body = {"contact_id": self._somebody(), "name": "Light", "currency": "USD", "amount_minor": 250_000}
        found = await self.ask("POST", "/v1/opportunities", body | {"pipeline_id": self._pipeline["id"]})
        talk = next(stage["id"] for stage in self._pipeline["stages"] if stage["key"] == "talk")
        await self.ask("POST", f"/v1/opportunities/{found['id']}/move", {"stage_id": talk})
        if self._dice.random() < 0.5:
            await self.ask("POST", f"/v1/opportunities/{found['id']}/win", {})

    async def _ticket(self) -> None:
        ticket = await self.ask("POST", "/v1/tickets", {"subject_line": "The lamp is dark", "contact_id": self._somebody()})
        await self.ask("POST", f"/v1/tickets/{ticket['id']}/messages", {"text": "We are on it.", "kind": "public"})
        await self.ask("POST", f"/v1/tickets/{ticket['id']}/resolve", {})

    async def _batch(self) -> None:
        orders = [{"op": "create", "data": self._bought(self._somebody())} for _ in range(20)]
        await self.ask("POST", "/v1/orders/batch", {"operations": orders})

    async def _lists(self) -> None:
        noun = self._dice.choice(("contacts", "orders", "opportunities", "tickets", "customers", "campaigns", "sends"))
        await self.ask("GET", f"/v1/{noun}", params={"page_size": "50"})
        await self.ask("POST", "/v1/contacts/search", {"filter": 'country = "FR"', "page_size": 20})

    async def _deep_pages(self) -> None:
        cursor: dict[str, str] = {}
        for _ in range(DEEP_PAGES):
            page = await self.ask("GET", "/v1/orders", params={"page_size": "50"} | cursor)
            if not page.get("next_cursor"):
                return
            cursor = {"cursor": page["next_cursor"]}

    async def _customer(self) -> None:
        somebody = self._somebody()
        await self.ask("GET", f"/v1/customers/{somebody}/timeline")
        await self.ask("GET", "/v1/pyramid")

    async def _journal(self) -> None:
        await self.ask("GET", "/v1/events", params={"subject": f"contact/{self._somebody()}"})
        await self.ask("GET", f"/v1/contacts/{self._somebody()}/history")

    async def _refused(self) -> None:
        """What must be refused, and how."""
        await self.ask("POST", "/v1/contacts", {"kind": "robot"}, expected=422)
        await self.ask("GET", f"/v1/orders/{new_id()}", expected=404)
        await self.ask("GET", "/v1/tickets", expected=401, headers={"Authorization": "Bearer nobody"})
        await self.ask("GET", "/v1/contacts", params={"filter": "country ="}, expected=422)
        order = await self.ask("POST", "/v1/orders", self._bought(self._somebody()))
        await self.ask("POST", f"/v1/orders/{order['id']}/return", {}, expected=409)


def _shape(path: str) -> str:
    """A path without ids."""
    return "/".join("…" if len(part) == 36 else part for part in path.split("/"))
