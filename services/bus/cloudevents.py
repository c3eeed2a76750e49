"""How an event stands in a Kafka record: CloudEvents' binary mode, attributes as `ce_…` headers and the data alone as body.

The way back gives the same text to the byte. What would not come back so (nothing that `Envelope.to_json` writes) travels whole, in the
structured mode.
"""

from collections.abc import Iterable

import orjson

Header = tuple[str, bytes]

PREFIX = "ce_"
CONTENT_TYPE = "content-type"
STRUCTURED: list[Header] = [(CONTENT_TYPE, b"application/cloudevents+json; charset=UTF-8")]
INTEGERS = frozenset({"sequence"})
BEFORE_DATA = ',"data":'


def to_record(event: str) -> tuple[list[Header], bytes]:
    """The headers and the body of an event in structured JSON."""
    head, found, data = event.partition(BEFORE_DATA)
    if found:
        try:
            headers = [(_header(name), str(value).encode()) for name, value in orjson.loads(head + "}").items()]
            body = data[:-1].encode()
        except ValueError:
            return _whole(event)
        if from_record(headers, body) == event:
            return headers, body
    return _whole(event)


def from_record(headers: Iterable[Header], body: bytes | None) -> str:
    """The event in structured JSON; bytes that are none of ours come as they are, those that are no UTF-8 as lone surrogates."""
    text = (body or b"").decode("utf-8", "surrogateescape")
    attributes = [(_attribute(name), value.decode("utf-8", "surrogateescape")) for name, value in headers if _is_attribute(name)]
    if not any(name == "specversion" for name, _ in attributes):
        return text
    written = ",".join(f'"{name}":{_json(name, value)}' for name, value in attributes)
    return f"{{{written}{BEFORE_DATA}{text}}}"


def _whole(event: str) -> tuple[list[Header], bytes]:
    return STRUCTURED, event.encode("utf-8", "surrogateescape")


def _header(attribute: str) -> str:
    return CONTENT_TYPE if attribute == "datacontenttype" else PREFIX + attribute


def _is_attribute(header: str) -> bool:
    return header == CONTENT_TYPE or header.startswith(PREFIX)


def _attribute(header: str) -> str:
    return "datacontenttype" if header == CONTENT_TYPE else header.removeprefix(PREFIX)


def _json(name: str, value: str) -> str:
    if name in INTEGERS and value.isascii() and value.isdigit():
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # a foreign header that is no UTF-8: left as it is, nobody will take it for an event
        return value
