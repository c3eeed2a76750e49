"""The examples of the OpenAPI document: one real request and answer of each operation, as `tests/journeys/test_examples.py` recorded it."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson

from .merging import Document, operations_of

RECORDED = Path(__file__).parent / "examples.json"


@cache
def recorded_examples() -> dict[str, dict[str, Any]]:
    """By operation id: the body that was sent, where there was one, and the body of the answer."""
    return dict(orjson.loads(RECORDED.read_bytes()))


def add_examples(document: Document, examples: dict[str, dict[str, Any]]) -> Document:
    """`document` with the example of each operation beside the schemas of its request and of its 2xx answer."""
    for _, operation in operations_of(document):
        example = examples.get(operation.get("operationId", ""), {})
        answers = [answer for status, answer in operation.get("responses", {}).items() if status.startswith("2")]
        holders = [("request", operation.get("requestBody", {})), *(("answer", answer) for answer in answers)]
        for part, holder in holders:
            media = holder.get("content", {}).get("application/json")
            if media is not None and part in example:
                media["example"] = example[part]
    return document
