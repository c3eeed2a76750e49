"""The AsyncAPI 3 document: every event of every service, with its topic, its headers and its data, from the contract classes alone."""

import inspect
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import orjson
from pydantic.json_schema import models_json_schema

from services.bus.cloudevents import to_record
from services.bus.topics import PARTITIONS
from services.contract_files import breaks, sample_of
from services.contracts import Event, noun_of, topic_of
from services.encoding import encode
from services.envelope import Envelope, schema_uri
from services.manifests import Manifest, consumed_topics, discover

from .merging import SCHEMAS, Document, with_names_apart

KAFKA_BINDING = "0.5.0"
DESCRIPTION = (
    "What happens in Mitra, as events. In Kafka an event is a CloudEvent 1.0 in binary mode: its attributes are the headers, its data is "
    "the body. The same events come as structured CloudEvents from `GET /v1/events` and `GET /v1/events/stream` (see /openapi.json).\n\n"
    "The data holds the whole public state of its subject after the change, and never what was written by or about a person. Per subject "
    "`ce_sequence` counts from 1 without holes, and the order is kept; a repeat has the same `ce_subject` and `ce_sequence` and is to be "
    "dropped. Within a major version fields are only added."
)
TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}
HEADERS: dict[str, Any] = {
    "title": "CloudEventHeaders",
    "description": "The attributes of a CloudEvent of ours, as headers of a Kafka record.",
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "Of the event; a UUIDv7."},
        "ce_type": {**TEXT, "description": "Service, noun, past tense, major version."},
        "ce_source": {**TEXT, "description": "The service that says so."},
        "ce_subject": {**TEXT, "description": "The noun and the id of the record that the event is about."},
        "ce_time": {**INSTANT, "description": "When it happened."},
        "content-type": {"const": "application/json"},
        "ce_dataschema": {**TEXT, "description": "Names the JSON Schema of the data."},
        "ce_tenantid": {"type": "string", "format": "uuid", "description": "Whose event it is."},
        "ce_sequence": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "The version of the subject after the event."},
        "ce_partitionkey": {**TEXT, "description": "Also the key of the record."},
        "ce_recordedtime": {**INSTANT, "description": "When we learnt it; never backwards inside a subject."},
        "ce_actor": {**TEXT, "description": "Who did it: a user, a key, a service."},
        "ce_correlationid": {**TEXT, "description": "The request that it all began with."},
        "ce_causationid": {**TEXT, "description": "The event that was the cause, where one was."},
        "ce_traceparent": {**TEXT, "description": "W3C trace context."},
    },
}
HEADERS["required"] = [name for name in HEADERS["properties"] if name not in ("ce_causationid", "ce_traceparent")]


def describe_events(manifests: Sequence[Manifest]) -> Document:
    """The document of what the services of `manifests` publish and hear."""
    components: dict[str, dict[str, Any]] = {"schemas": {"CloudEventHeaders": HEADERS}, "messages": {}}
    for own in with_names_apart({manifest.name: _components(manifest.contracts) for manifest in manifests}).values():
        for part, found in own["components"].items():
            components[part].update(found)
    topics = sorted({topic for manifest in manifests for topic in manifest.topics})
    operations = dict(each for manifest in manifests for each in _operations(manifest, manifests))
    return {
        "asyncapi": "3.0.0",
        "id": "urn:mitra:events",
        "info": {"title": "Mitra events", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {topic: _channel(topic, components["messages"]) for topic in topics},
        "operations": operations,
        "components": components,
    }


@cache
def encoded_events(services_path: str) -> bytes:
    """The document of the tree and of further folders as it is sent. It takes a quarter of a second the first time."""
    return encode(describe_events(discover(services_path)))


def find_event_breaks(old: Document, new: Document) -> list[str]:
    """What a reader that was written for `old` would suffer from `new`: types gone or on another topic, headers or data that changed."""
    schemas, changed = old["components"]["schemas"], new["components"]["schemas"]
    found = [f"headers: {fault}" for fault in breaks(schemas["CloudEventHeaders"], changed["CloudEventHeaders"])]
    for topic, channel in old["channels"].items():
        for type_ in channel["messages"]:
            if type_ not in new["channels"].get(topic, {"messages": {}})["messages"]:
                found.append(f"{type_}: no longer on {topic}")
                continue
            before, after = (document["components"]["messages"][type_]["payload"] for document in (old, new))
            found += [f"{type_}: {fault}" for fault in breaks({**before, "$defs": schemas}, {**after, "$defs": changed})]
    return found


def _components(contracts: Sequence[type[Event]]) -> Document:
    """The schemas and messages of one service; references are by name, so that names may still be changed."""
    references, schemas = models_json_schema([(contract, "validation") for contract in contracts], ref_template=f"{SCHEMAS}{{model}}")
    messages = {contract.type: _message(contract, references[contract, "validation"]) for contract in contracts}
    return {"components": {"schemas": schemas.get("$defs", {}), "messages": messages}}


def _message(contract: type[Event], payload: dict[str, Any]) -> dict[str, Any]:
    description = inspect.getdoc(contract) or contract.__name__
    headers, body = to_record(Envelope.from_json(sample_of(contract)).to_json().decode())
    of_this_type = {"ce_type": {"const": contract.type}, "ce_dataschema": {"const": schema_uri(contract.type)}}
    return {
        "name": contract.type,
        "title": contract.__name__,
        "summary": description.partition("\n")[0],
        "description": description,
        "tags": [{"name": noun_of(contract.type)}],
        "contentType": "application/json",
        "headers": {"allOf": [{"$ref": f"{SCHEMAS}CloudEventHeaders"}, {"properties": of_this_type}]},
        "payload": payload,
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": {"type": "string", "minLength": 1}, "bindingVersion": KAFKA_BINDING}},
        "examples": [{"headers": {name: value.decode() for name, value in headers}, "payload": orjson.loads(body)}],
    }


def _channel(topic: str, messages: Iterable[str]) -> dict[str, Any]:
    binding = {
        "topic": topic,
        "partitions": PARTITIONS,
        "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": -1},
        "bindingVersion": KAFKA_BINDING,
    }
    return {
        "address": topic,
        "title": f"What happens in {topic.partition('.')[2]}",
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in messages if topic_of(type_) == topic},
        "bindings": {"kafka": binding},
    }


def _operations(manifest: Manifest, manifests: Sequence[Manifest]) -> Iterable[tuple[str, dict[str, Any]]]:
    """What a service sends, and of each topic what it has a handler for."""
    for topic in sorted(manifest.topics):
        yield f"{manifest.name}.send", _operation("send", topic, [contract.type for contract in manifest.contracts])
    every_type = [contract for each in manifests for contract in each.contracts]
    for topic in consumed_topics(manifest, manifests):
        heard = [
            each.type for each in every_type if topic_of(each.type) == topic and not manifest.handlers.keys().isdisjoint({each, Event})
        ]
        if heard:
            yield f"{manifest.name}.receive.{topic}", _operation("receive", topic, heard)


def _operation(action: str, topic: str, types: Iterable[str]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/{topic}/messages/{type_}"} for type_ in types]
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}, "messages": messages}
