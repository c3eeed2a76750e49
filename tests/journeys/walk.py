"""A walk through the whole of Mitra from outside: from a contact to what it is worth, and to who hears of it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson

from tests.journeys.company import Company, wait_until

TOTAL_MINOR = 9_800
SECONDS = 60.0
EVENTS = 4
"""The contact and its order: created, placed, refunded, and that she is a customer now."""


@dataclass(frozen=True)
class Walked:
    """What was seen on the way: the contact, the order, its value, and the events as the journal has them and as the stream told them."""

    contact: dict[str, Any]
    order: dict[str, Any]
    value: dict[str, Any]
    journal: list[dict[str, Any]]
    heard: list[dict[str, Any]]

    def sequences(self, subject: str) -> list[tuple[str, int]]:
        """The types and sequences of a subject, in the journal's order."""
        return [(event["type"], event["sequence"]) for event in self.journal if event["subject"] == subject]


def walk(company: Company) -> Walked:
    """A tenant is founded with customers of its past, one more is registered, buys and has a part paid back; all of it is read again."""
    with company.client(company.found_tenant(name="A walk")) as client:
        _learn_from_the_past(client)
        position = _get(client, "/v1/events/latest")["position"]
        contact = _post(client, "/v1/contacts", {"kind": "person", "given_name": "Asha", "emails": [{"address": "asha@example.com"}]})
        line = {"sku": "LAMP-1", "quantity": 2, "unit_price_minor": TOTAL_MINOR // 2, "unit_cost_minor": 2_000}
        body = {"contact_id": contact["id"], "currency": "USD", "status": "placed", "paid": True, "lines": [line]}
        order = _post(client, "/v1/orders", body)
        order = _post(client, f"/v1/orders/{order['id']}/refund", {"amount_minor": 300})
        value = _await(client, f"/v1/customers/{contact['id']}/value", f"order/{order['id']}@{order['version']}")
        subjects = {f"contact/{contact['id']}", f"order/{order['id']}"}
        wait_until(lambda: len(_journal(client, position, subjects)) == EVENTS, seconds=SECONDS)
        return Walked(contact, order, value, _journal(client, position, subjects), _listen(client, position, subjects))


def _learn_from_the_past(client: httpx.Client) -> None:
    """Customers who bought in the year before, each at a rate and for amounts of their own, and the models that are fitted to them."""
    dice, orders = random.Random(5), list[dict[str, Any]]()
    for _ in range(160):
        contact_id, days = str(UUID(int=dice.getrandbits(128), version=4)), dice.randint(180, 360)
        rate, leaving, level = dice.gammavariate(1.5, 0.02), dice.betavariate(1, 5), dice.gammavariate(4, 400)
        while days > 0:
            placed_at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
            order = {"contact_id": contact_id, "currency": "USD", "status": "placed", "placed_at": placed_at, "paid": True}
            orders.append({"op": "create", "data": order | {"total_minor": 100 + round(dice.gammavariate(6, level / 6))}})
            days -= 1 + round(dice.expovariate(rate)) if dice.random() > leaving else 400
    for start in range(0, len(orders), 500):
        made = _post(client, "/v1/orders/batch", {"operations": orders[start : start + 500]})["results"]
    last = f"order/{made[-1]['id']}@{made[-1]['version']}"
    _await(client, f"/v1/customers/{orders[-1]['data']['contact_id']}/summary", last)
    job = _post(client, "/v1/models/fit", {"kinds": ["value", "spend"]})
    path = f"/v1/analytics-jobs/{job['id']}"
    wait_until(lambda: _get(client, path)["status"] == "succeeded", seconds=SECONDS, otherwise=lambda: client.get(path).text)


def _await(client: httpx.Client, path: str, version: str) -> dict[str, Any]:
    """What `path` answers once it has seen `version`."""
    headers = {"Mitra-Version": version}
    wait_until(
        lambda: client.get(path, headers=headers).status_code == 200,
        seconds=SECONDS,
        otherwise=lambda: client.get(path, headers=headers).text,
    )
    return _get(client, path)


def _journal(client: httpx.Client, position: str, subjects: set[str]) -> list[dict[str, Any]]:
    """The events of `subjects` after a position, in their order."""
    found = [event for subject in subjects for event in _get(client, "/v1/events", after=position, subject=subject)["items"]]
    return sorted(found, key=lambda event: int(event["seq"]))


def _listen(client: httpx.Client, position: str, subjects: set[str]) -> list[dict[str, Any]]:
    """The same events as the stream tells them."""
    heard: list[dict[str, Any]] = []
    with client.stream("GET", "/v1/events/stream", headers={"Last-Event-ID": position}) as answer:
        for line in answer.raise_for_status().iter_lines():
            event = orjson.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if event.get("subject") in subjects:
                heard.append(event)
            if len(heard) == EVENTS:
                break
    return heard


def _get(client: httpx.Client, path: str, **params: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path, params=params).raise_for_status().json()
    return found


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = client.post(path, json=body).raise_for_status().json()
    return made
