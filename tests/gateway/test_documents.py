"""The one OpenAPI document: every operation of every service, once, with a key."""

import copy
from typing import Any

import pytest

from gateway.documents.merging import SCHEMAS, merge_documents, operations_of
from tests.gateway.conftest import Door


def document(operations: dict[str, str], schemas: dict[str, Any]) -> dict[str, Any]:
    """A document with `path: operation id` and schemas, each path answering with the schema `Item`."""
    answer = {"200": {"content": {"application/json": {"schema": {"$ref": f"{SCHEMAS}Item"}}}}}
    paths = {path: {"get": {"operationId": name, "tags": ["x"], "responses": answer}} for path, name in operations.items()}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


ITEM = {"type": "object", "properties": {"part": {"$ref": f"{SCHEMAS}Part"}}}


def test_equal_schemas_are_one_and_different_ones_get_their_services_name() -> None:
    part, other_part = {"type": "string"}, {"type": "integer"}
    left = document({"/v1/a": "a.get"}, {"Item": {"type": "object"}, "Same": part})
    right = document({"/v1/b": "b.get"}, {"Item": {"type": "array"}, "Same": part})
    before = copy.deepcopy(left)
    merged = merge_documents({"left": left, "right": right})
    assert merged["components"]["schemas"] == {"LeftItem": {"type": "object"}, "RightItem": {"type": "array"}, "Same": part}
    answer = merged["paths"]["/v1/b"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": f"{SCHEMAS}RightItem"}
    assert left == before
    deep = merge_documents(
        {
            "left": document({"/v1/a": "a"}, {"Item": ITEM, "Part": part}),
            "right": document({"/v1/b": "b"}, {"Item": ITEM, "Part": other_part}),
        }
    )
    assert set(deep["components"]["schemas"]) == {"LeftItem", "LeftPart", "RightItem", "RightPart"}
    assert deep["components"]["schemas"]["RightItem"]["properties"]["part"]["$ref"] == f"{SCHEMAS}RightPart"


def test_an_operation_id_that_is_taken_gets_its_services_name() -> None:
    schemas = {"Item": {"type": "object"}}
    merged = merge_documents({"left": document({"/v1/a": "x.get"}, schemas), "right": document({"/v1/b": "x.get"}, schemas)})
    assert [operation["operationId"] for _, operation in operations_of(merged)] == ["x.get", "right.x.get"]


async def test_the_document_names_every_operation_of_every_service_and_is_there_for_everybody(door: Door) -> None:
    answer = await door.client().get("/openapi.json")
    merged = answer.json()
    assert (answer.status_code, merged["openapi"]) == (200, "3.1.0")
    operations = dict(operations_of(merged))
    own = {where: operation["operationId"] for app in door.mitra.apps.values() for where, operation in operations_of(app.openapi())}
    ids = {where: operation["operationId"] for where, operation in operations.items()}
    assert ids == own
    assert len(ids) == len(set(ids.values()))
    assert merged["security"] == [{"bearer": []}]
    assert merged["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer", "description": "An API key"}
    assert operations["GET /v1/things/{record_id}/history"]["x-scope"] == "things:read"
    assert operations["GET /v1/things/{record_id}/history"]["operationId"] == "things.history"
    assert set(references(merged)) <= set(merged["components"]["schemas"])


def references(value: Any) -> list[str]:
    """The names of all schemas that a document refers to."""
    if isinstance(value, dict):
        own = [value["$ref"].removeprefix(SCHEMAS)] if isinstance(value.get("$ref"), str) else []
        return own + [name for each in value.values() for name in references(each)]
    if isinstance(value, list):
        return [name for each in value for name in references(each)]
    return []


async def test_every_operation_names_its_scope_and_documents_its_refusals(near_door: Door) -> None:
    merged = (await near_door.client().get("/openapi.json")).json()
    for where, operation in operations_of(merged):
        assert ":" in operation["x-scope"] or operation["x-scope"] == "internal", where
        assert {"401", "403", "404", "413", "422", "429", "503"} <= set(operation["responses"]), where


async def test_the_document_is_made_once(near_door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    client = near_door.client()
    first = (await client.get("/openapi.json")).content
    asked = len(near_door.recorders["demo"].paths)
    assert (await client.get("/openapi.json")).content == first
    assert len(near_door.recorders["demo"].paths) == asked == 1
