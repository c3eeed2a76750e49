"""Reasons, products and pipelines for tests, valid and boring."""

from typing import Any

import httpx

STAGES: list[dict[str, Any]] = [
    {"key": "new", "name": "New", "probability_bps": 1_000},
    {"key": "talk", "name": "Talking", "probability_bps": 4_000},
    {"key": "won", "name": "Won", "kind": "won"},
    {"key": "lost", "name": "Lost", "kind": "lost"},
]


def reason(**fields: Any) -> dict[str, Any]:
    """The body of a reason for a loss."""
    return {"kind": "lost", "text": "Price", **fields}


def product(**fields: Any) -> dict[str, Any]:
    """The body of a product."""
    return {"sku": "lamp", "name": "Lamp", **fields}


def pipeline(**fields: Any) -> dict[str, Any]:
    """The body of a pipeline of two open stages."""
    return {"name": "Sales", "currency": "USD", "stages": STAGES, **fields}


async def create(client: httpx.AsyncClient, noun: str, body: dict[str, Any]) -> dict[str, Any]:
    """The record as the service answers it."""
    answer = await client.post(f"/v1/{noun}", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def batch(client: httpx.AsyncClient, noun: str, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of a batch."""
    answer = await client.post(f"/v1/{noun}/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def stage_ids(pipeline: dict[str, Any]) -> dict[str, str]:
    """The ids of the stages by key."""
    return {stage["key"]: stage["id"] for stage in pipeline["stages"]}
