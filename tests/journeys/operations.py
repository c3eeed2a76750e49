"""How each operation of the API is driven to success: one recipe for each operation id, in a company of its own."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from services.identifiers import new_id
from services.jobs import enqueue
from tests.harness import Mitra


@dataclass(frozen=True)
class Request:
    """A request. `ids` says that its path names records of the company, which another company must not find."""

    method: str
    path: str
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    ids: bool = True

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.request(self.method, self.path, json=self.json, headers=self.headers)


@dataclass
class World:
    """A company, and a client with its first key (or, for the platform's own operations, the operator's)."""

    mitra: Mitra
    tenant_id: Any
    client: httpx.AsyncClient
    operator: httpx.AsyncClient
    models: list[dict[str, Any]] = field(default_factory=list)

    async def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return dict(answer.json())

    async def contact(self) -> str:
        return str((await self.made("/v1/contacts", CONTACT))["id"])

    async def order(self, *verbs: str, **fields: Any) -> str:
        order = await self.made("/v1/orders", ORDER | fields)
        for verb in verbs:
            await self.made(f"/v1/orders/{order['id']}/{verb}", {})
        return str(order["id"])

    async def customer(self) -> str:
        """Somebody who bought, known to analytics."""
        await self.model()
        answer = await self.client.get("/v1/customers?page_size=1")
        return str(answer.json()["items"][0]["contact_id"])

    async def model(self, status: str = "champion") -> str:
        """A fitted model; the first fit's are champions, the second's are only trained."""
        if not self.models:
            await self._buy()
            for _ in range(2):
                await self.made("/v1/models/fit", {})
                await self.mitra.drain()
            self.models = (await self.client.get("/v1/models")).json()["items"]
        return str(next(model["id"] for model in self.models if model["status"] == status))

    async def _buy(self) -> None:
        dice = random.Random(7)
        bought = []
        for _ in range(160):
            contact_id = str(new_id())
            for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 5, 8))):
                day = f"2025-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}T12:00:00Z"
                bought.append({"contact_id": contact_id, "status": "placed", "placed_at": day, "total_minor": dice.randint(300, 9000)})
        orders = [{"op": "create", "data": ORDER | order} for order in bought[:500]]
        await self.made("/v1/orders/batch", {"operations": orders, "atomic": True})
        await self.mitra.drain()

    async def job(self, service: str) -> str:
        async with self.mitra.session(service, self.tenant_id) as session:
            late = self.mitra.clock().replace(year=2099)
            job = await enqueue(session, "forget_answers", str(uuid4()), run_at=late)
            await session.commit()
            return str(job.id)


CONTACT = {"kind": "person", "given_name": "Asha"}
ORDER = {"contact_id": "0190a0a0-0000-7000-8000-000000000001", "currency": "EUR", "total_minor": 1000}
ANY = {"If-Match": "*"}
Recipe = Callable[[World], Awaitable[Request]]
RECIPES: dict[str, Recipe] = {}


def _plain(operation: str, method: str, path: str, json: Any = None) -> None:
    """An operation that names no record."""

    async def recipe(_world: World) -> Request:
        return Request(method, path, json, ids=False)

    RECIPES[operation] = recipe


def _on(operation: str, method: str, path: str, make: Callable[[World], Awaitable[str]], json: Any = None) -> None:
    """An operation on a record that `make` makes; `{}` in the path is its id."""

    async def recipe(world: World) -> Request:
        return Request(method, path.format(await make(world)), json, ANY if method == "PATCH" else {})

    RECIPES[operation] = recipe


def _order_in(*verbs: str, **fields: Any) -> Callable[[World], Awaitable[str]]:
    return lambda world: world.order(*verbs, **fields)


async def _user(world: World) -> str:
    return str((await world.made("/v1/users", {"email": f"{uuid4().hex}@example.com", "name": "Asha"}))["id"])


async def _team(world: World) -> str:
    return str((await world.made("/v1/teams", {"name": f"Team {uuid4().hex[:8]}"}))["id"])


async def _key(world: World) -> str:
    return str((await world.made("/v1/keys", {"name": "till", "scopes": ["orders:read"]}))["id"])


async def _tenant(world: World) -> str:
    return str(world.tenant_id)


async def _contact(world: World) -> str:
    return await world.contact()


async def _archived_contact(world: World) -> str:
    contact_id = await world.contact()
    await world.made(f"/v1/contacts/{contact_id}/archive", {})
    return contact_id


async def _disqualified_contact(world: World) -> str:
    contact_id = await world.contact()
    await world.made(f"/v1/contacts/{contact_id}/disqualify", {"reason_code": "no_fit"})
    return contact_id


def _job_of(service: str) -> Callable[[World], Awaitable[str]]:
    return lambda world: world.job(service)


async def _thing(world: World) -> str:
    return str((await world.made("/v1/things", {"label": "lamp"}))["id"])


SEARCH: dict[str, Any] = {}
BATCH = {"operations": [{"op": "create", "data": {"label": "lamp"}}]}

_plain("contacts.list", "GET", "/v1/contacts")
_plain("contacts.search", "POST", "/v1/contacts/search", SEARCH)
_plain("contacts.create", "POST", "/v1/contacts", CONTACT)
_plain("contacts.batch", "POST", "/v1/contacts/batch", {"operations": [{"op": "create", "data": CONTACT}]})
_plain("contacts.upsert", "PUT", "/v1/contacts/by/shop/7", CONTACT)
_plain(
    "contacts.upsert_by_address",
    "PUT",
    "/v1/contacts?by=email",
    CONTACT | {"emails": [{"address": "asha@example.com"}]},
)
_plain("contacts.resolve", "POST", "/v1/contacts/resolve", {"email": "asha@example.com"})
_on("contacts.get", "GET", "/v1/contacts/{}", _contact)
_on("contacts.update", "PATCH", "/v1/contacts/{}", _contact, {"country": "DE"})
_on("contacts.archive", "POST", "/v1/contacts/{}/archive", _contact)
_on("contacts.restore", "POST", "/v1/contacts/{}/restore", _archived_contact)
_on("contacts.disqualify", "POST", "/v1/contacts/{}/disqualify", _contact, {"reason_code": "no_fit"})
_on("contacts.requalify", "POST", "/v1/contacts/{}/requalify", _disqualified_contact, {"reason_code": "second_look"})
_plain("orders.list", "GET", "/v1/orders")
_plain("orders.search", "POST", "/v1/orders/search", SEARCH)
_plain("orders.create", "POST", "/v1/orders", ORDER)
_plain("orders.batch", "POST", "/v1/orders/batch", {"operations": [{"op": "create", "data": ORDER}]})
_on("orders.get", "GET", "/v1/orders/{}", _order_in())
_on("orders.update", "PATCH", "/v1/orders/{}", _order_in(), {"channel": "shop"})
_on("orders.place", "POST", "/v1/orders/{}/place", _order_in(), {})
_on("orders.pay", "POST", "/v1/orders/{}/pay", _order_in("place"), {})
_on("orders.refund", "POST", "/v1/orders/{}/refund", _order_in("place", "pay"), {})
_on("orders.fulfill", "POST", "/v1/orders/{}/fulfill", _order_in("place"), {})
_on("orders.return", "POST", "/v1/orders/{}/return", _order_in("place", "fulfill"), {})
_on("orders.complete", "POST", "/v1/orders/{}/complete", _order_in("place", "pay", "fulfill"), {})
_on("orders.cancel", "POST", "/v1/orders/{}/cancel", _order_in(), {})
_on("orders.archive", "POST", "/v1/orders/{}/archive", _order_in())
_on("orders.restore", "POST", "/v1/orders/{}/restore", _order_in("archive"))
_plain("customers.list", "GET", "/v1/customers?order_by=-lifetime_value_minor")
_plain("customers.search", "POST", "/v1/customers/search", SEARCH)
_on("customers.summary", "GET", "/v1/customers/{}/summary", World.customer)
_on("customers.value", "GET", "/v1/customers/{}/value", World.customer)
_plain("models.list", "GET", "/v1/models")
_plain("models.fit", "POST", "/v1/models/fit", {})
_on("models.get", "GET", "/v1/models/{}", World.model)
_on("models.promote", "POST", "/v1/models/{}/promote", lambda world: world.model("trained"), {})
_on("models.forecast", "GET", "/v1/models/{}/forecast?from=2026-03-01&to=2026-06-01", World.model)
_plain("tenants.list", "GET", "/v1/tenants")
_on("tenants.get", "GET", "/v1/tenants/{}", _tenant)
_on("tenants.update", "PATCH", "/v1/tenants/{}", _tenant, {"name": "Acme & Sons"})
_plain("users.list", "GET", "/v1/users")
_plain("users.create", "POST", "/v1/users", {"email": "new@example.com", "name": "Asha"})
_on("users.get", "GET", "/v1/users/{}", _user)
_on("users.update", "PATCH", "/v1/users/{}", _user, {"locale": "de"})
_plain("teams.list", "GET", "/v1/teams")
_plain("teams.create", "POST", "/v1/teams", {"name": "Night shift"})
_on("teams.get", "GET", "/v1/teams/{}", _team)
_on("teams.update", "PATCH", "/v1/teams/{}", _team, {"name": "Day shift"})
_plain("keys.list", "GET", "/v1/keys")
_plain("keys.create", "POST", "/v1/keys", {"name": "till", "scopes": ["orders:read"]})
_on("keys.get", "GET", "/v1/keys/{}", _key)
_on("keys.revoke", "POST", "/v1/keys/{}/revoke", _key)
_plain("events.list", "GET", "/v1/events")
_plain("events.latest", "GET", "/v1/events/latest")
_plain("things.list", "GET", "/v1/things")
_plain("things.search", "POST", "/v1/things/search", SEARCH)
_plain("things.create", "POST", "/v1/things", {"label": "lamp"})
_plain("things.batch", "POST", "/v1/things/batch", BATCH)
_on("things.get", "GET", "/v1/things/{}", _thing)
_on("things.update", "PATCH", "/v1/things/{}", _thing, {"label": "desk"})
_on("things.use", "POST", "/v1/things/{}/use", _thing, {})
_on("things.archive", "POST", "/v1/things/{}/archive", _thing)
_on("things.restore", "POST", "/v1/things/{}/restore", _thing)
for _noun, _make in {
    "contacts": _contact,
    "orders": _order_in(),
    "customers": World.customer,
    "models": World.model,
    "tenants": _tenant,
    "users": _user,
    "teams": _team,
    "keys": _key,
    "things": _thing,
}.items():
    _on(f"{_noun}.history", "GET", f"/v1/{_noun}/{{}}/history", _make)
for _service in ("contacts", "pipeline", "analytics", "gateway", "demo"):
    _on(f"{_service}-jobs.get", "GET", f"/v1/{_service}-jobs/{{}}", _job_of(_service))
    _on(f"{_service}-jobs.cancel", "POST", f"/v1/{_service}-jobs/{{}}/cancel", _job_of(_service))
FOUND = {"name": "Third", "time_zone": "UTC", "currency": "USD", "admin": {"email": "c@example.com", "name": "C"}}
_plain("tenants.create", "POST", "/v1/tenants", FOUND)
PLATFORM = {"tenants.create"}
STREAMS = {"events.stream"}
