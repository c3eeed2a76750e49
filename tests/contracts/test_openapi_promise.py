"""The OpenAPI document is frozen, and a change that would break a program is refused."""

import copy
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.documents.freezing import FROZEN, describe, encoded, find_breaks
from services.manifests import discover

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    return describe([manifest for manifest in discover() if not manifest.package.startswith("demo")])


def test_the_frozen_document_is_the_present_one_or_python_m_gateway_documents_freezing_writes_it(document: Document) -> None:
    assert encoded(document) == FROZEN.read_bytes()


def test_nothing_that_was_promised_is_broken(document: Document) -> None:
    assert find_breaks(orjson.loads(FROZEN.read_bytes()), document) == []


def drop_an_operation(document: Document) -> None:
    del document["paths"]["/v1/orders/{order_id}/pay"]


def move_an_operation(document: Document) -> None:
    document["paths"]["/v1/orders/{order_id}/settle"] = document["paths"].pop("/v1/orders/{order_id}/pay")


def require_a_parameter(document: Document) -> None:
    document["paths"]["/v1/orders"]["get"]["parameters"][0]["required"] = True


def drop_a_field(document: Document) -> None:
    del document["components"]["schemas"]["OrderRead"]["properties"]["total_minor"]


def retype_a_field(document: Document) -> None:
    document["components"]["schemas"]["OrderRead"]["properties"]["total_minor"] = {"type": "string"}


def require_a_field(document: Document) -> None:
    document["components"]["schemas"]["OrderCreate"]["required"].append("channel")


@pytest.mark.parametrize(
    ("plant", "wanted"),
    [
        (drop_an_operation, "orders.pay: removed"),
        (move_an_operation, "orders.pay: moved from POST /v1/orders/{order_id}/pay to POST /v1/orders/{order_id}/settle"),
        (require_a_parameter, "orders.list: parameter filter newly required"),
        (drop_a_field, "OrderRead.data.total_minor: removed"),
        (retype_a_field, "OrderRead.data.total_minor: retyped"),
        (require_a_field, "OrderCreate.data.channel: newly required"),
    ],
)
def test_a_planted_break_is_found(document: Document, plant: Callable[[Document], None], wanted: str) -> None:
    changed = copy.deepcopy(document)
    plant(changed)
    assert [fault for fault in find_breaks(document, changed) if fault.startswith(wanted)] != []


def test_an_addition_breaks_nothing(document: Document) -> None:
    changed = copy.deepcopy(document)
    changed["components"]["schemas"]["OrderRead"]["properties"]["colour"] = {"type": "string"}
    changed["paths"]["/v1/colours"] = {"get": {"operationId": "colours.list"}}
    assert find_breaks(document, changed) == []
