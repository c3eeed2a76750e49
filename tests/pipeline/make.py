"""Orders for tests, valid and boring."""

from typing import Any
from uuid import uuid4

import httpx

CANARY = "zqcanary"


def line(**fields: Any) -> dict[str, Any]:
    """A line of 2 lamps for 500 each."""
    return {"sku": "lamp", "quantity": 2, "unit_price_minor": 500, **fields}


def order(**fields: Any) -> dict[str, Any]:
    """The body of a draft of 1,000 US cents."""
    return {"contact_id": str(uuid4()), "currency": "USD", "lines": [line()], **fields}


def placed(**fields: Any) -> dict[str, Any]:
    """The body of an order that is born placed."""
    return order(status="placed", **fields)


async def create(orders: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    """The order as the service answers it."""
    answer = await orders.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def act(orders: httpx.AsyncClient, order_id: Any, verb: str, **body: Any) -> dict[str, Any]:
    """What a verb that fits makes of the order."""
    answer = await orders.post(f"/v1/orders/{order_id}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def batch(orders: httpx.AsyncClient, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of a batch."""
    answer = await orders.post("/v1/orders/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def upsert(key: str, **fields: Any) -> dict[str, Any]:
    """A batch operation as an import sends it."""
    return {"op": "upsert", "key": {"source": "shop", "id": key}, "data": placed(paid=True, fulfilled=True, **fields)}
