"""An event in a Kafka record: CloudEvents' binary mode, and the same text on the way back."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bus.cloudevents import STRUCTURED, from_record, to_record
from services.envelope import Envelope, UndecodableEvent

TENANT = UUID("01900000-0000-7000-8000-000000000001")
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def an_event(data: dict[str, object], *, subject: str = "order/1", traceparent: str | None = None) -> str:
    envelope = Envelope(
        id=UUID("01900000-0000-7000-8000-000000000002"),
        type="pipeline.order.placed.v1",
        source="pipeline",
        subject=subject,
        tenant_id=TENANT,
        sequence=7,
        partition_key=f"{TENANT}:1",
        time=AT,
        recorded_at=AT,
        actor="user:1",
        correlation_id="ä\u2028 c",
        causation_id=None,
        traceparent=traceparent,
        data=data,
    )
    return envelope.to_json().decode()


def test_attributes_are_headers_and_the_data_is_the_body() -> None:
    headers, body = to_record(an_event({"state": {"total_minor": 9800}, "changed": ["total_minor"]}))
    assert json.loads(body) == {"state": {"total_minor": 9800}, "changed": ["total_minor"]}
    named = {name: value.decode() for name, value in headers}
    assert named.pop("content-type") == "application/json"
    assert named["ce_specversion"] == "1.0"
    assert (named["ce_type"], named["ce_subject"], named["ce_sequence"]) == ("pipeline.order.placed.v1", "order/1", "7")
    assert named["ce_tenantid"] == str(TENANT)
    assert all(name.startswith("ce_") for name in named)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(data=st.dictionaries(st.text(), JSON, max_size=4), subject=st.text(min_size=1), traceparent=st.none() | st.text(min_size=1))
def test_every_event_of_ours_travels_in_binary_mode_and_comes_back_to_the_byte(
    data: dict[str, object], subject: str, traceparent: str | None
) -> None:
    """Law: from_record(to_record(event)) = event, with the attributes in headers, for whatever an envelope can hold."""
    event = an_event(data, subject=subject, traceparent=traceparent)
    headers, body = to_record(event)
    assert headers != STRUCTURED
    assert from_record(headers, body) == event


@given(text=st.text() | st.text(alphabet='{}",:data\\ 0').map(lambda inner: f'{{"specversion":"1.0","data":{inner}}}'))
def test_what_is_no_event_of_ours_comes_back_to_the_byte_too(text: str) -> None:
    """Law: from_record(to_record(text)) = text, for every text."""
    assert from_record(*to_record(text)) == text


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([], None),
        ([], b"\xff\xfe"),
        ([("ce_specversion", b"1.0")], b"\x00\x80"),
        ([("ce_specversion", b"1.0"), ("ce_id", b"\xff")], b"{}"),
        ([("ce_specversion", b"1.0"), ("ce_sequence", "\u0663".encode())], b"{}"),
        ([("ce_specversion", b"1.0"), ('ce_a":1,"b', b"x")], b"not json"),
        ([("content-type", b"image/png")], b"\x89PNG"),
    ],
)
def test_a_foreign_record_is_undecodable_and_its_bytes_survive_the_way_to_the_dead_letters(
    headers: list[tuple[str, bytes]], body: bytes | None
) -> None:
    event = from_record(headers, body)
    with pytest.raises(UndecodableEvent):
        Envelope.from_json(event)
    again, whole = to_record(event)
    assert (body or b"") in whole
    assert from_record(again, whole) == event
