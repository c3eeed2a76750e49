"""The load under which processes are killed: clients that repeat a request until it is answered, and note what was promised."""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

RETRIED = (409, 429, 502, 503)


@dataclass
class Promises:
    """What the door has answered: every order with its version, the money that moved, and how many requests it took."""

    versions: dict[str, int] = field(default_factory=dict)
    paid: Counter[str] = field(default_factory=Counter)
    refunded: Counter[str] = field(default_factory=Counter)
    contacts: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    repeats: int = 0


class Load:
    """Clients that place, pay and refund orders for a hundred customers until told to stop."""

    def __init__(self, url: str, key: str, *, seed: int) -> None:
        self.promises = Promises()
        self._stopping = False
        self._dice = random.Random(seed)
        self._customers = [str(UUID(int=self._dice.getrandbits(128), version=4)) for _ in range(100)]
        self._client = httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=20.0)

    async def run(self, clients: int = 4) -> None:
        """Work until `stop`; every request that was begun is carried to its answer."""
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._work())
        await self._client.aclose()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping = True

    async def place(self) -> tuple[str, str]:
        """Place one paid order; answers its id and its customer."""
        customer = self._dice.choice(self._customers)
        body = {
            "contact_id": customer,
            "currency": "USD",
            "status": "placed",
            "lines": [{"quantity": 1, "unit_price_minor": 1000, "category": "music"}],
        }
        order = await self._send("/v1/orders", body)
        self._note(order)
        self.promises.contacts[order["id"]] = customer
        return order["id"], customer

    async def _work(self) -> None:
        while not self._stopping:
            order_id, _ = await self.place()
            if self._dice.random() < 0.5:
                self._note(await self._send(f"/v1/orders/{order_id}/pay", {"amount_minor": 1000}))
                self.promises.paid[order_id] += 1000
                if self._dice.random() < 0.5:
                    amount = self._dice.choice((300, 1000))
                    self._note(await self._send(f"/v1/orders/{order_id}/refund", {"amount_minor": amount}))
                    self.promises.refunded[order_id] += amount
            await asyncio.sleep(0.005)

    def _note(self, order: dict[str, Any]) -> None:
        self.promises.versions[order["id"]] = order["version"]

    async def _send(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send until answered, under one Idempotency-Key: what was carried out before a kill is answered, not done again."""
        key = str(uuid4())
        while True:
            self.promises.requests += 1
            with contextlib.suppress(httpx.TransportError):
                answer = await self._client.post(path, json=body, headers={"Idempotency-Key": key})
                if answer.is_success:
                    return dict(answer.json())
                assert answer.status_code in RETRIED, answer.text
            self.promises.repeats += 1
            await asyncio.sleep(0.05)
