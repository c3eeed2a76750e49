"""The OpenAPI document of a service."""

from typing import Any

from tests.harness import Mitra


def document_of(mitra: Mitra) -> dict[str, Any]:
    return mitra.apps["demo"].openapi()


async def test_every_operation_has_a_stable_id_a_scope_and_problem_answers(mitra: Mitra) -> None:
    operations = [operation for path in document_of(mitra)["paths"].values() for operation in path.values()]
    assert {"things.list", "things.create", "things.use", "demo-jobs.get"} <= {operation["operationId"] for operation in operations}
    for operation in operations:
        assert operation["x-scope"]
        assert "application/problem+json" in operation["responses"]["422"]["content"]
        assert operation["summary"]
        assert operation["description"]


async def test_a_nullable_field_says_so_in_its_type(mitra: Mitra) -> None:
    schemas = document_of(mitra)["components"]["schemas"]
    assert schemas["ThingRead"]["properties"]["secret"]["type"] == ["string", "null"]
    assert schemas["ThingCreate"]["properties"]["secret"]["type"] == ["string", "null"]


async def test_every_write_names_the_idempotency_key(mitra: Mitra) -> None:
    parameters = document_of(mitra)["paths"]["/v1/things"]["post"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["Idempotency-Key"]
