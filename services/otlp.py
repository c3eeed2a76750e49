"""Where spans go: to an OTLP endpoint over HTTP, as the standard OTEL_… variables say. The one module that knows OpenTelemetry's SDK."""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

UNNAMED = "unknown_service"


def provider_of(process: str) -> TracerProvider:
    """Makes spans and sends them in batches from a thread of its own, under the name `process` unless the environment names another."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith(UNNAMED):
        resource = resource.merge(Resource({SERVICE_NAME: process}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
