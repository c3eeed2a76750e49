"""Traces: one from the request to the score and whoever hears of it, without a word of a tenant, a person or a record."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from uuid import UUID

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from services import tracing
from services.application import create_app
from services.jobs import enqueue
from services.manifests import get_manifest
from services.observed import Traced
from tests.analytics.test_customers import fitted
from tests.harness import Mitra
from tests.journeys.company import ROOT
from tests.pipeline import make as orders

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Seen:
    """The spans that were ended, as an exporter gets them."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def of(self, trace: str) -> dict[str, list[ReadableSpan]]:
        """The spans of a trace (its id in hexadecimal digits), by name."""
        found: dict[str, list[ReadableSpan]] = defaultdict(list)
        for span in self.spans:
            if f"{span.context.trace_id:032x}" == trace:
                found[span.name].append(span)
        return found


@pytest.fixture
def seen() -> Iterator[Seen]:
    seen = Seen()
    tracing.use(seen.provider)
    yield seen
    tracing.use(None)


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


def traced(mitra: Mitra, service: str, tenant_id: UUID) -> httpx.AsyncClient:
    """A client of a service as it is built where traces go out."""
    client = mitra.client(service, mitra.caller(tenant_id))
    app = Traced(mitra.apps[service], name=service)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://mitra", headers=dict(client.headers))


async def test_one_trace_goes_from_the_request_to_the_score_and_to_whoever_hears_of_it(mitra: Mitra, tenant_id: UUID) -> None:
    contact_id = (await fitted(mitra, tenant_id))[0]
    await mitra.drain()
    seen = Seen()
    tracing.use(seen.provider)
    async with traced(mitra, "pipeline", tenant_id) as client:
        await orders.create(client, orders.placed(contact_id=str(contact_id), paid=True, fulfilled=True))
    await mitra.drain()
    tracing.use(None)
    (request,) = [span for span in seen.spans if span.kind is SpanKind.SERVER]
    way = seen.of(f"{request.context.trace_id:032x}")
    for name in (
        "orders.create",
        "publish crm.pipeline",
        "apply system:analytics",
        "analytics_svc.customers.operations.on_order",
        "job score_touched",
        "publish crm.analytics",
        "apply system:tickets",
        "services.references.on_scored",
    ):
        assert way[name], f"{name} is not among {sorted(way)}"
    children = {span.context.span_id: span for spans in way.values() for span in spans}

    def origin(span: ReadableSpan) -> list[str]:
        return [span.name] if span.parent is None else [*origin(children[span.parent.span_id]), span.name]

    (hearing,) = [span for span in way["services.references.on_scored"] if "apply system:tickets" in origin(span)]
    assert origin(hearing) == [
        "orders.create",
        "apply system:analytics",
        "job score_touched",
        "apply system:tickets",
        "services.references.on_scored",
    ]


async def test_an_event_carries_the_span_that_made_it_and_continues_the_callers_trace(mitra: Mitra, tenant_id: UUID, seen: Seen) -> None:
    async with traced(mitra, "demo", tenant_id) as client:
        answer = await client.post("/v1/things", json={"label": "lamp"}, headers={"traceparent": CALLER})
    assert answer.status_code == 201
    (event,) = await mitra.outbox("demo")
    (span,) = seen.spans
    assert span.name == "things.create"
    assert event.traceparent == f"00-{CALLER[3:35]}-{span.context.span_id:016x}-01"
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == CALLER[36:52]
    assert dict(span.attributes or {}) == {"http.request.method": "POST", "http.response.status_code": 201}


async def test_a_batch_continues_the_trace_of_its_first_event_and_names_the_others(mitra: Mitra, tenant_id: UUID, seen: Seen) -> None:
    async with traced(mitra, "demo", tenant_id) as client:
        for _ in range(3):
            await client.post("/v1/things", json={"label": "lamp"})
    requests = {span.context.span_id: span.context.trace_id for span in seen.spans}
    await mitra.drain()
    (applied,) = [span for span in seen.spans if span.name == "apply system:demo"]
    assert applied.parent is not None
    assert (applied.attributes or {})["messaging.batch.message_count"] == 3
    linked = {link.context.span_id: link.context.trace_id for link in applied.links}
    assert {applied.parent.span_id: applied.context.trace_id} | linked == requests


async def test_a_job_continues_the_trace_of_who_asked_for_it(mitra: Mitra, tenant_id: UUID, seen: Seen) -> None:
    with tracing.span("asking", CALLER) as asking:
        async with mitra.session("demo", tenant_id) as session:
            session.info["context"] = replace(session.info["context"], traceparent=asking.traceparent)
            await enqueue(session, "count", "1", arguments={"to": 2})
            await session.commit()
    await mitra.drain()
    (job,) = [span for span in seen.spans if span.name == "job count"]
    assert job.parent is not None
    assert f"{job.parent.span_id:016x}" == str(asking.traceparent)[36:52]
    assert dict(job.attributes or {}) == {"mitra.outcome": "succeeded"}


def test_a_failure_is_marked_by_its_type_alone(seen: Seen) -> None:
    with pytest.raises(ValueError, match="zqcanary"), tracing.span("failing", None):
        raise ValueError("zqcanary")
    with pytest.raises(LookupError), tracing.publishing([("crm.demo", f'{{"traceparent": "{CALLER}"}}')]):
        raise LookupError("zqcanary")
    for span, kind in zip(seen.spans, ("ValueError", "LookupError"), strict=True):
        assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())
        assert dict(span.attributes or {}) == {"error.type": kind}


async def test_no_span_tells_of_a_tenant_a_person_or_a_record(mitra: Mitra, tenant_id: UUID, seen: Seen) -> None:
    async with traced(mitra, "demo", tenant_id) as client:
        made = (await client.post("/v1/things", json={"label": "zqcanary", "secret": "zqcanary"})).json()
        await client.get(f"/v1/things/{made['id']}", params={"q": "zqcanary"})
        await client.get("/v1/things/zqcanary")
        await client.get("/v1/zqcanary")
    await mitra.drain()
    assert {"things.create", "things.get", "demo", "publish crm.demo", "apply system:demo"} <= {span.name for span in seen.spans}
    for span in seen.spans:
        said = span.to_json()
        assert "zqcanary" not in said
        assert str(tenant_id) not in said
        assert made["id"] not in said


@pytest.mark.parametrize("parent", [None, "", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff" + CALLER[2:]], ids=str)
def test_a_parent_that_is_not_sound_begins_a_trace(seen: Seen, parent: str | None) -> None:
    with tracing.span("alone", parent) as span:
        pass
    (found,) = seen.spans
    assert found.parent is None
    assert span.traceparent != parent


async def test_without_an_exporter_the_callers_trace_is_handed_on_and_no_span_is_made(mitra: Mitra, tenant_id: UUID) -> None:
    with tracing.span("nothing", CALLER, links=[CALLER], attributes={"a": 1}) as span:
        span.tell(name="other", b=2)
    assert (span.traceparent, tracing.is_on()) == (CALLER, False)
    async with mitra.client("demo", mitra.caller(tenant_id)) as client:
        await client.post("/v1/things", json={"label": "lamp"}, headers={"traceparent": CALLER})
    assert [event.traceparent for event in await mitra.outbox("demo")] == [CALLER]


def test_only_where_traces_go_out_is_an_application_wrapped(mitra: Mitra, seen: Seen) -> None:
    manifest = get_manifest("demo", mitra.settings.services_path)
    kinds = [each.cls for each in create_app(manifest, mitra.settings).user_middleware]
    tracing.use(None)
    without = [each.cls for each in create_app(manifest, mitra.settings).user_middleware]
    assert kinds == [Traced, *without]
    assert Traced not in without


def test_nothing_of_the_exporter_or_the_page_is_loaded_where_nobody_asked_for_it() -> None:
    said = (
        "import sys, services.serving, services.worker, gateway.routing.front; from services import tracing; tracing.start('x');"
        "print(sorted({'.'.join(name.split('.')[:2]) for name in sys.modules} & {'opentelemetry.sdk', 'opentelemetry.exporter',"
        "'prometheus_client.core', 'google.protobuf', 'services.otlp', 'services.exposition'}))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | {"PYTHONPATH": str(ROOT)}
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    done = subprocess.run([sys.executable, "-c", said], env=environment | endpoint, text=True, capture_output=True, check=True)
    assert done.stdout == "[]\n"


class Collector(HTTPServer):
    """Takes what an exporter sends."""

    def __init__(self) -> None:
        self.received: list[ExportTraceServiceRequest] = []
        super().__init__(("127.0.0.1", 0), _Take)


class _Take(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.received.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so the library calls it
        """Nothing is to be printed."""


def test_spans_reach_the_collector_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with Collector() as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        tracing.start("mitra-work-demo")
        with tracing.span("apply system:demo", CALLER):
            pass
        tracing.stop()
        collector.shutdown()
    (sent,) = collector.received
    (resource,) = sent.resource_spans
    assert {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"] == "mitra-work-demo"
    (span,) = resource.scope_spans[0].spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("apply system:demo", CALLER[3:35], CALLER[36:52])
    assert not tracing.is_on()


@pytest.mark.parametrize(
    "variables",
    [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}],
    ids=["no endpoint", "switched off", "another exporter"],
)
def test_no_spans_are_made_unless_somebody_listens(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    if variables:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tracing.start("x")
    assert not tracing.is_on()
