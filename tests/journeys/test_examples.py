"""The examples in the OpenAPI document: every operation has one, and its schemas accept it.

`python -m pytest tests/journeys/test_examples.py --record-examples` records those that are missing or no longer true.
"""

from typing import Any

import jsonschema_rs
import orjson
import pytest

from gateway.documents.examples import RECORDED, recorded_examples
from gateway.documents.merging import Document, operations_of
from tests.gateway.conftest import Door
from tests.journeys.operations import PLATFORM, RECIPES, STREAMS
from tests.journeys.recipes.making import World

NOT_OURS = {"things", "demo-jobs"}
SHOWN_ONCE = "shown-once-and-never-again"


def media_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The JSON bodies that an operation takes and gives: its request's and its first 2xx answer's."""
    answers = [answer for status, answer in sorted(operation["responses"].items()) if status.startswith("2")]
    holders = {"request": operation.get("requestBody", {}), "answer": answers[0] if answers else {}}
    found = {part: holder.get("content", {}).get("application/json") for part, holder in holders.items()}
    return {part: media for part, media in found.items() if media is not None}


def faults_of(operation: dict[str, Any], document: Document, examples: dict[str, dict[str, Any]]) -> list[str]:
    name = operation["operationId"]
    faults = []
    for part, media in media_of(operation).items():
        if part not in examples.get(name, {}):
            faults.append(f"{name}: no example of its {part}")
            continue
        schema = {**media.get("schema", {}), "components": document["components"]}
        errors = jsonschema_rs.validator_for(schema).iter_errors(examples[name][part])
        faults += [f"{name}: {part}: {error.message[:200]}" for error in errors]
    return faults


def brief(value: Any) -> Any:
    """What is worth showing: of a list of records the first, and no secret."""
    if not isinstance(value, dict):
        return value
    short = {name: each[:1] if name == "items" and isinstance(each, list) else each for name, each in value.items()}
    return {name: SHOWN_ONCE if name == "secret" else brief(each) for name, each in short.items()}


async def record(door: Door, operations: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    company = await door.company(email="asha@example.com")
    world = World(door.mitra, company.tenant_id, door.client(company.token), await door.operator())
    found: dict[str, dict[str, Any]] = {}
    for operation in operations:
        name = operation["operationId"]
        request = await RECIPES[name](world)
        await door.mitra.drain()
        answer = await request.send(world.operator if name in PLATFORM else world.client)
        assert answer.is_success, f"{name}: {answer.text}"
        wanted = media_of(operation)
        sent = {} if request.json is None else request.json
        bodies = {"request": sent, "answer": orjson.loads(answer.content) if "answer" in wanted else None}
        found[name] = {part: brief(bodies[part]) for part in wanted}
    return found


async def test_every_operation_shows_an_example_that_its_schemas_accept(door: Door, pytestconfig: pytest.Config) -> None:
    document = (await door.client().get("/openapi.json")).json()
    operations = [o for _, o in operations_of(document) if o["operationId"] not in STREAMS and not NOT_OURS & set(o["tags"])]
    examples = dict(recorded_examples())
    if pytestconfig.getoption("record_examples"):
        stale = [o for o in operations if faults_of(o, document, examples)]
        examples |= await record(door, stale)
        examples = {o["operationId"]: examples[o["operationId"]] for o in operations if o["operationId"] in examples}
        RECORDED.write_bytes(orjson.dumps(examples, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    assert [fault for operation in operations for fault in faults_of(operation, document, examples)] == []


async def test_the_served_document_carries_the_examples(door: Door) -> None:
    document = (await door.client().get("/openapi.json")).json()
    order = document["paths"]["/v1/orders"]["post"]
    assert order["requestBody"]["content"]["application/json"]["example"] == recorded_examples()["orders.create"]["request"]
    assert order["responses"]["201"]["content"]["application/json"]["example"]["status"] == "draft"
