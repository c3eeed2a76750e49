"""The demo company out to the HTTP API, as any shop system would send it. Sent again, it is the same company."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from gateway.demo.generation import DemoCompany, DemoContact, DemoOrder
from services.client import NotAnswered, post

SOURCE = "demo"
BATCH = 500
UNDER_WAY = 8

Progress = Callable[[int], None]


async def load_company(client: httpx.AsyncClient, company: DemoCompany, *, on_progress: Progress) -> tuple[str, str]:
    """Send contacts, orders and how some of these ended; `on_progress` is told how many more records are settled.

    Answers the last buyer's contact_id and the last version written, such as order/<id>@1, for a reader who wants to see everything.
    Raises services.client.NotAnswered. What was sent by then stands, and a repeat sends the rest.
    """
    contacts = await _send(client, "/v1/contacts/batch", [_contact(contact) for contact in company.contacts], on_progress=on_progress)
    contact_ids = {contact.key: result["id"] for contact, result in zip(company.contacts, contacts, strict=True)}
    orders = [_order(order, contact_ids[order.contact_key]) for order in company.orders]
    results = await _send(client, "/v1/orders/batch", orders, on_progress=on_progress)
    ended = [(order, result["id"]) for order, result in zip(company.orders, results, strict=True) if order.ending != "kept"]
    for start in range(0, len(ended), UNDER_WAY):
        async with asyncio.TaskGroup() as group:
            for order, order_id in ended[start : start + UNDER_WAY]:
                group.create_task(_end(client, order, order_id))
    return orders[-1]["data"]["contact_id"], f"order/{results[-1]['id']}@{results[-1]['version']}"


def _contact(contact: DemoContact) -> dict[str, Any]:
    return {"op": "upsert", "key": {"source": SOURCE, "id": contact.key}, "data": contact.data}


def _order(order: DemoOrder, contact_id: str) -> dict[str, Any]:
    return {"op": "upsert", "key": {"source": SOURCE, "id": order.key}, "data": {**order.data, "contact_id": contact_id}}


async def _send(
    client: httpx.AsyncClient, path: str, operations: Sequence[dict[str, Any]], *, on_progress: Progress
) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for start in range(0, len(operations), BATCH):
        answer = await post(client, path, {"operations": operations[start : start + BATCH]})
        refused = [result["problem"]["detail"] for result in answer["results"] if result["problem"]]
        if refused:
            raise NotAnswered(f"{path} refused {len(refused)} records, the first with: {refused[0]}")
        results += answer["results"]
        on_progress(len(answer["results"]))
    return results


async def _end(client: httpx.AsyncClient, order: DemoOrder, order_id: str) -> None:
    """Refund, return or cancel an order as far as that has not happened yet."""
    path = f"/v1/orders/{order_id}"
    present = (await client.get(path)).raise_for_status().json()
    if order.ending == "cancelled" and present["status"] == "placed":
        await post(client, f"{path}/cancel", {"at": order.at})
    if order.refund_minor and not present["refunded_minor"]:
        await post(client, f"{path}/refund", {"at": order.at, "amount_minor": order.refund_minor})
    if order.ending == "returned" and present["fulfilment_status"] == "fulfilled":
        await post(client, f"{path}/return", {"at": order.at})
