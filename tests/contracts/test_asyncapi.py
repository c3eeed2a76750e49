"""The AsyncAPI document is valid, says what the contracts say, and is frozen; a change that would break a reader is refused."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from gateway.documents.asyncapi import describe_events, find_event_breaks
from gateway.documents.freezing import FROZEN_EVENTS, encoded
from services.bus.cloudevents import from_record
from services.contract_files import SCHEMAS
from services.contracts import Event, topic_of
from services.envelope import Envelope
from services.manifests import discover

Document = dict[str, Any]

RULES = jsonschema_rs.Draft7Validator(json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text()))
OURS = [manifest for manifest in discover() if not manifest.package.startswith("demo")]
CONTRACTS = [contract for manifest in OURS for contract in manifest.contracts]


@pytest.fixture(scope="module")
def document() -> Document:
    return describe_events(OURS)


def resolved(node: Any, document: Document) -> Any:
    """A node with its references followed to their end (no schema of ours holds itself)."""
    if isinstance(node, list):
        return [resolved(item, document) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return resolved(found, document)
    return {name: resolved(value, document) for name, value in node.items()}


def test_the_document_is_valid(document: Document) -> None:
    RULES.validate(document)


def drop_the_version(document: Document) -> None:
    del document["asyncapi"]


def send_from_nowhere(document: Document) -> None:
    del document["operations"]["pipeline.send"]["channel"]


def misname_an_action(document: Document) -> None:
    document["operations"]["pipeline.send"]["action"] = "publish"


def write_a_wrong_header_schema(document: Document) -> None:
    document["components"]["schemas"]["CloudEventHeaders"]["type"] = "thing"


@pytest.mark.parametrize("plant", [drop_the_version, send_from_nowhere, misname_an_action, write_a_wrong_header_schema])
def test_the_rules_that_it_is_held_against_refuse_what_is_wrong(document: Document, plant: Callable[[Document], None]) -> None:
    changed = copy.deepcopy(document)
    plant(changed)
    assert not RULES.is_valid(changed)


def test_every_event_is_a_message_of_its_topic_and_only_there(document: Document) -> None:
    assert sorted(document["components"]["messages"]) == sorted(contract.type for contract in CONTRACTS)
    for topic, channel in document["channels"].items():
        assert channel["address"] == topic
        assert sorted(channel["messages"]) == sorted(contract.type for contract in CONTRACTS if topic_of(contract.type) == topic)


def test_every_reference_leads_somewhere_and_nothing_is_left_over(document: Document) -> None:
    used = set(_references(document))
    for reference in used:
        resolved({"$ref": reference}, document)
    assert {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} <= used


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def test_the_data_of_a_message_is_what_its_frozen_schema_says(document: Document) -> None:
    for type_, message in document["components"]["messages"].items():
        frozen = json.loads((SCHEMAS / f"{type_}.json").read_text())
        plain = {name: value for name, value in frozen.items() if name not in ("$schema", "$id", "$defs")}
        assert resolved(message["payload"], document) == resolved(plain, frozen), type_


def test_the_example_of_a_message_is_an_event_that_its_own_schemas_accept(document: Document) -> None:
    for type_, message in document["components"]["messages"].items():
        (example,) = message["examples"]
        for part in ("headers", "payload"):
            jsonschema_rs.Draft7Validator(resolved(message[part], document), validate_formats=True).validate(example[part])
        headers = [(name, value.encode()) for name, value in example["headers"].items()]
        assert Envelope.from_json(from_record(headers, orjson.dumps(example["payload"]))).type == type_
        assert set(example["headers"]) == set(document["components"]["schemas"]["CloudEventHeaders"]["properties"])


def test_another_type_is_not_accepted_for_a_message(document: Document) -> None:
    messages = document["components"]["messages"]
    schema = resolved(messages["pipeline.order.placed.v1"]["headers"], document)
    assert not jsonschema_rs.Draft7Validator(schema).is_valid(messages["pipeline.order.paid.v1"]["examples"][0]["headers"])


def test_who_sends_and_who_listens_is_what_the_manifests_say(document: Document) -> None:
    operations = document["operations"]
    for manifest in OURS:
        sent = {reference["$ref"].rpartition("/")[2] for reference in operations[f"{manifest.name}.send"]["messages"]}
        assert sent == {contract.type for contract in manifest.contracts}
        everything = Event in manifest.handlers
        heard = {
            reference["$ref"].rpartition("/")[2]
            for name, operation in operations.items()
            if name.startswith(f"{manifest.name}.receive.")
            for reference in operation["messages"]
        }
        assert heard == {contract.type for contract in CONTRACTS if everything or contract in manifest.handlers}
    assert operations["analytics.receive.crm.pipeline"]["channel"] == {"$ref": "#/channels/crm.pipeline"}


def test_a_name_that_two_services_use_is_told_apart(document: Document) -> None:
    names = document["components"]["schemas"].keys()
    assert {"PipelineAssignmentReason", "TicketsAssignmentReason"} <= names
    assert "AssignmentReason" not in names


def test_the_frozen_document_is_the_present_one_or_python_m_gateway_documents_freezing_writes_it(document: Document) -> None:
    assert encoded(document) == FROZEN_EVENTS.read_bytes()


def test_nothing_that_was_promised_is_broken(document: Document) -> None:
    assert find_event_breaks(orjson.loads(FROZEN_EVENTS.read_bytes()), document) == []


def drop_a_message(document: Document) -> None:
    del document["channels"]["crm.pipeline"]["messages"]["pipeline.order.paid.v1"]


def move_a_topic(document: Document) -> None:
    document["channels"]["crm.sales"] = document["channels"].pop("crm.pipeline")


def drop_a_header(document: Document) -> None:
    del document["components"]["schemas"]["CloudEventHeaders"]["properties"]["ce_actor"]


def drop_a_field(document: Document) -> None:
    del document["components"]["schemas"]["OrderState"]["properties"]["total_minor"]


@pytest.mark.parametrize(
    ("plant", "wanted"),
    [
        (drop_a_message, "pipeline.order.paid.v1: no longer on crm.pipeline"),
        (move_a_topic, "pipeline.order.paid.v1: no longer on crm.pipeline"),
        (drop_a_header, "headers: data.ce_actor: removed"),
        (drop_a_field, "pipeline.order.paid.v1: data.state.total_minor: removed"),
    ],
)
def test_a_planted_break_is_found(document: Document, plant: Callable[[Document], None], wanted: str) -> None:
    changed = copy.deepcopy(document)
    plant(changed)
    assert wanted in find_event_breaks(document, changed)


def test_an_addition_breaks_nothing(document: Document) -> None:
    changed = copy.deepcopy(document)
    changed["components"]["schemas"]["OrderState"]["properties"]["colour"] = {"type": "string", "default": "red"}
    changed["components"]["schemas"]["CloudEventHeaders"]["properties"]["ce_colour"] = {"type": "string"}
    changed["components"]["messages"]["pipeline.colour.mixed.v1"] = {"name": "pipeline.colour.mixed.v1"}
    changed["channels"]["crm.pipeline"]["messages"]["pipeline.colour.mixed.v1"] = {}
    assert find_event_breaks(document, changed) == []
