"""The envelope: nothing is lost on the way, CloudEvents 1.0 is kept, and rubbish is told from an event."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.contract_files import SAMPLES
from services.envelope import Envelope, UndecodableEvent

# The JSON format of CloudEvents 1.0 (the schema that its specification publishes), without the data, and with its rule on names.
CLOUD_EVENT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "format": "uri-reference", "minLength": 1},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"type": "string", "minLength": 1},
        "dataschema": {"type": "string", "format": "uri", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "format": "date-time", "minLength": 1},
        "data": {"type": ["object", "string", "number", "array", "boolean", "null"]},
    },
    "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},
    "additionalProperties": {
        "anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}]
    },
}
RULES = jsonschema_rs.Draft202012Validator(CLOUD_EVENT, validate_formats=True)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
names = st.from_regex(r"[a-z][a-z_]{0,15}", fullmatch=True)
instants = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.timezones() | st.just(UTC))  # noqa: DTZ001
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    type=st.builds("{}.{}.{}.v{}".format, st.from_regex(r"[a-z]{1,9}", fullmatch=True), names, names, st.integers(1, 99)),
    source=names.map("/mitra/{}".format),
    subject=st.builds("{}/{}".format, names, st.uuids()),
    tenant_id=st.uuids(),
    sequence=st.integers(1, 2**31 - 1),
    partition_key=texts,
    time=instants,
    recorded_at=instants,
    actor=texts,
    correlation_id=texts,
    causation_id=st.none() | texts,
    traceparent=st.none() | texts,
    data=st.dictionaries(texts, values, max_size=3),
)
SAMPLE: dict[str, Any] = json.loads(next(iter(sorted(SAMPLES.glob("*.json")))).read_text())


@given(envelopes)
def test_an_event_comes_back_as_it_was_sent(envelope: Envelope) -> None:
    """Law: from_json(to_json(e)) = e with its instants in UTC; and once more the same bytes."""
    raw = envelope.to_json()
    in_utc = envelope._replace(time=envelope.time.astimezone(UTC), recorded_at=envelope.recorded_at.astimezone(UTC))
    assert Envelope.from_json(raw) == in_utc
    assert Envelope.from_json(raw.decode()).to_json() == raw


@given(envelopes)
def test_an_event_keeps_the_rules_of_cloudevents(envelope: Envelope) -> None:
    """Law: every envelope is a sound structured CloudEvent, its instants in UTC with a Z."""
    event = json.loads(envelope.to_json())
    RULES.validate(event)
    assert event["time"].endswith("Z")
    assert event["recordedtime"].endswith("Z")
    assert event["datacontenttype"] == "application/json"
    assert all(value is not None for name, value in event.items() if name != "data")


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_keeps_the_rules_of_cloudevents(path: Any) -> None:
    event = json.loads(path.read_text())
    RULES.validate(event)
    assert UUID(event["id"]).version == 7
    assert re.fullmatch(r"/mitra/[a-z]+", event["source"])
    assert event["type"].split(".")[0] == event["source"].removeprefix("/mitra/")


@pytest.mark.parametrize(
    "broken",
    [
        {"id": ""},
        {"id": None},
        {"specversion": "0.3"},
        {"source": "two words"},
        {"dataschema": "/events/a.json"},
        {"time": "yesterday"},
        {"tenant_id": "a"},
        {"Actor": "a"},
        {"sequence": 2**31},
        {"actor": None},
        {"actor": {}},
    ],
    ids=str,
)
def test_the_rules_find_a_planted_violation(broken: dict[str, Any]) -> None:
    RULES.validate(SAMPLE)
    with pytest.raises(jsonschema_rs.ValidationError):
        RULES.validate(SAMPLE | broken)


@given(st.binary(max_size=40) | values.map(json.dumps).map(str.encode))
def test_rubbish_is_undecodable(raw: bytes) -> None:
    """Law: whatever bytes come, the answer is UndecodableEvent, never another error."""
    with pytest.raises(UndecodableEvent):
        Envelope.from_json(raw)


@example(name="type", value='"')
@given(name=st.sampled_from(sorted(SAMPLE)), value=values | st.floats())
def test_one_wrong_attribute_makes_an_event_undecodable_or_leaves_it_sound(name: str, value: Any) -> None:
    """Law: with one attribute replaced by anything, an event is either undecodable or sound in every type."""
    try:
        envelope = Envelope.from_json(json.dumps(SAMPLE | {name: value}))
    except UndecodableEvent:
        return
    assert envelope.time.utcoffset() == envelope.recorded_at.utcoffset() == timedelta(0)
    assert envelope.sequence >= 1
    assert type(envelope.data) is dict
    if name != "source":  # its form is not looked at on the way in
        RULES.validate(json.loads(envelope.to_json()))


@pytest.mark.parametrize(
    "name", ["id", "type", "source", "subject", "tenantid", "sequence", "partitionkey", "time", "recordedtime", "data"]
)
def test_an_event_without_one_of_its_attributes_is_undecodable(name: str) -> None:
    with pytest.raises(UndecodableEvent):
        Envelope.from_json(json.dumps({key: value for key, value in SAMPLE.items() if key != name}))
