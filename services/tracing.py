"""OpenTelemetry traces along the way of a fact, from the request over the bus to the last handler.

Nothing is loaded and next to nothing spent until an OTLP endpoint is named. A span carries operations, kinds and counts: never a tenant,
a path, an id of a record, or what an exception says. What travels from process to process is the `traceparent` of the envelope.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import orjson
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

_provider: Any = None
_tracer: trace.Tracer | None = None


def start(process: str) -> None:
    """Send the spans of this process, named `process`, where the standard OTEL_… variables say, if they name an OTLP endpoint."""
    wanted = any(os.environ.get(name) for name in ENDPOINTS) and os.environ.get("OTEL_TRACES_EXPORTER", "otlp") in ("", "otlp")
    if wanted and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true":
        from services import otlp  # the SDK, for nothing where nobody listens

        use(otlp.provider_of(process))


def use(provider: trace.TracerProvider | None) -> None:
    """Make spans of `provider` from now on; with None, none."""
    global _provider, _tracer
    _provider, _tracer = provider, provider.get_tracer("mitra") if provider is not None else None


def stop() -> None:
    """Send what is still held, and no more. Waits for the collector, for some seconds at most."""
    provider = _provider
    use(None)
    if provider is not None:
        provider.shutdown()


def is_on() -> bool:
    """Whether spans are made."""
    return _tracer is not None


class Span:
    """A part of the way. `traceparent` is what it hands on: where no spans are made, that is its parent's."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, traceparent: str | None, span: trace.Span | None = None) -> None:
        self.traceparent = traceparent
        self._span = span

    def tell(self, *, name: str | None = None, **attributes: str | int) -> None:
        """What was learnt on the way; dots of an attribute's name are written as two underscores."""
        if self._span is not None:
            if name is not None:
                self._span.update_name(name)
            for key, value in attributes.items():
                self._span.set_attribute(key.replace("__", "."), value)

    def fail(self, error_type: str) -> None:
        """Mark this part as failed, by the type of the error: what an error says may hold values."""
        if self._span is not None:
            self._span.set_status(StatusCode.ERROR)
            self._span.set_attribute("error.type", error_type)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        if self._span is not None:
            if kind is not None:
                self.fail(kind.__name__)
            self._span.end()


def span(
    name: str,
    parent: str | None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    links: Iterable[str | None] = (),
    attributes: Mapping[str, str | int] | None = None,
) -> Span:
    """A part of the trace of `parent` (a traceparent), or the first of a new one; to be ended as a context.

    `links` are the traceparents of others for whom it works too.
    """
    if _tracer is None:
        return Span(parent)
    linked = [Link(found) for other in sorted({other for other in links if other and other != parent}) if (found := _context_of(other))]
    started = _tracer.start_span(name, _parent(parent), kind=kind, attributes=attributes, links=linked)
    found = started.get_span_context()
    return Span(f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}", started)


@contextmanager
def publishing(events: Sequence[tuple[str, str]]) -> Iterator[None]:
    """A span for each of `events` (topic and structured event) that belongs to a trace, while they are published."""
    spans = [span(f"publish {topic}", parent, kind=SpanKind.PRODUCER) for topic, parent in _traced(events)] if is_on() else []
    try:
        yield
    except BaseException as error:
        for each in spans:
            each.fail(type(error).__name__)
        raise
    finally:
        for each in spans:
            each.__exit__(None, None, None)


def _traced(events: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for topic, event in events:
        parent = orjson.loads(event).get("traceparent")
        if parent is not None:
            yield topic, parent


def _context_of(traceparent: str) -> SpanContext | None:
    found = TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    context = SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16)))
    return context if context.is_valid else None


def _parent(traceparent: str | None) -> Context:
    """The context of a parent; an empty one where there is none, or none that is sound."""
    found = _context_of(traceparent) if traceparent is not None else None
    return trace.set_span_in_context(NonRecordingSpan(found), Context()) if found is not None else Context()
