"""What a recipe is made of: how an operation of the API is driven to success, in a company of its own."""

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
    content: bytes | None = None

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.request(self.method, self.path, json=self.json, content=self.content, headers=self.headers)


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

    async def model(self) -> str:
        """A fitted model that answers; those of the second fit in `models` are only trained."""
        if not self.models:
            await self._buy()
            for _ in range(2):
                await self.made("/v1/models/fit", {})
                await self.mitra.drain()
            self.models = (await self.client.get("/v1/models")).json()["items"]
        return str(next(model["id"] for model in self.models if model["status"] == "champion"))

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
SEARCH: dict[str, Any] = {}
Recipe = Callable[[World], Awaitable[Request]]
RECIPES: dict[str, Recipe] = {}


def plain(operation: str, method: str, path: str, json: Any = None) -> None:
    """An operation that names no record."""

    async def recipe(_world: World) -> Request:
        return Request(method, path, json, ids=False)

    RECIPES[operation] = recipe


def on(operation: str, method: str, path: str, make: Callable[[World], Awaitable[str]], json: Any = None) -> None:
    """An operation on a record that `make` makes; `{}` in the path is its id."""

    async def recipe(world: World) -> Request:
        return Request(method, path.format(await make(world)), json, ANY if method == "PATCH" else {})

    RECIPES[operation] = recipe


def jobs_of(service: str) -> None:
    """The recipes of a service's job resource."""
    on(f"{service}-jobs.get", "GET", f"/v1/{service}-jobs/{{}}", lambda world: world.job(service))
    on(f"{service}-jobs.cancel", "POST", f"/v1/{service}-jobs/{{}}/cancel", lambda world: world.job(service))


def history_of(noun: str, make: Callable[[World], Awaitable[str]]) -> None:
    """The recipe of a noun's history, which the gateway answers."""
    on(f"{noun}.history", "GET", f"/v1/{noun}/{{}}/history", make)
