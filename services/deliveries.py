"""What a handler receives, and how handlers are declared."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncSession

from services import tracing
from services.contracts import REGISTRY, Event
from services.database import Context, bind_tenant
from services.envelope import Envelope

SubjectKey = tuple[UUID, str]


@dataclass(frozen=True)
class Delivery:
    """One event as a handler receives it."""

    envelope: Envelope
    raw: str

    @property
    def key(self) -> "SubjectKey":
        """Whose subject it is, and which: another tenant may use the same id."""
        return self.envelope.tenant_id, self.envelope.subject

    @classmethod
    def decode(cls, raw: str) -> "Delivery":
        """The delivery of a structured CloudEvent. Raises UndecodableEvent."""
        return cls(Envelope.from_json(raw), raw)

    @cached_property
    def event(self) -> Event:
        """The contract instance of this event."""
        return REGISTRY[self.envelope.type].model_validate(self.envelope.data)


Handler = Callable[[AsyncSession, Sequence[Delivery]], Awaitable[None]]
Handlers = Mapping[type[Event], Sequence[Handler]]


async def handle(session: AsyncSession, deliveries: Sequence[Delivery], handlers: Handlers, *, actor: str) -> None:
    """Call each handler once per tenant with all deliveries of its types, in their order, inside the running transaction.

    `Event` itself as a key of `handlers` stands for every type. What a handler records is acted by `actor`.
    """
    for context, group in _by_tenant(deliveries, actor):
        links = (delivery.envelope.traceparent for delivery in group)
        count = {"messaging.batch.message_count": len(group)}
        with tracing.span(f"apply {actor}", context.traceparent, kind=SpanKind.CONSUMER, links=links, attributes=count) as whole:
            await bind_tenant(session, replace(context, traceparent=whole.traceparent))
            await _call(session, _calls(group, handlers), whole.traceparent)


async def _call(session: AsyncSession, calls: Iterable[tuple[Handler, list[Delivery]]], traceparent: str | None) -> None:
    for handler, wanted in calls:
        with tracing.span(_name_of(handler), traceparent):
            await handler(session, wanted)


def _name_of(handler: Handler) -> str:
    return f"{handler.__module__}.{getattr(handler, '__name__', type(handler).__name__)}"


def _calls(deliveries: Sequence[Delivery], handlers: Handlers) -> Iterable[tuple[Handler, list[Delivery]]]:
    wanted: dict[Handler, list[Delivery]] = {}
    for delivery in deliveries:
        kind = REGISTRY.get(delivery.envelope.type)
        for handler in (*handlers.get(Event, ()), *(handlers.get(kind, ()) if kind else ())):
            wanted.setdefault(handler, []).append(delivery)
    return wanted.items()


def _by_tenant(deliveries: Sequence[Delivery], actor: str) -> Iterable[tuple[Context, list[Delivery]]]:
    groups: dict[UUID, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(delivery.envelope.tenant_id, []).append(delivery)
    for tenant_id, group in sorted(groups.items()):
        first = group[0].envelope
        yield Context(tenant_id, actor, first.correlation_id, str(first.id), first.traceparent), group
