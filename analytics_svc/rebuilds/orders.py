"""The short way from an order's event in the log to its row of `fact`: only what the row needs is decoded. Only the command loads this.

What stands here in types is what `Envelope.from_json` and `order_fact` do in statements, at a fifth of the price. An event that does not
fit is not judged here: the long way decides.
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import DecodeError, Meta, Struct, field
from msgspec.json import Decoder, Encoder

Told = Annotated[str, Meta(min_length=1)]
Row = tuple[Any, ...]


class Attributes(Struct, gc=False):
    """`facts.operations.ATTRIBUTES`, in their order."""

    status: str | None
    payment_status: str | None
    fulfilment_status: str | None
    placed_on: str | None
    paid_minor: int | None
    refunded_minor: int | None
    is_test: bool | None


class State(Struct, gc=False):
    """What a fact takes of an order's state."""

    contact_id: str
    currency: str
    total_minor: int
    margin_minor: int | None = None
    status: str | None = None
    payment_status: str | None = None
    fulfilment_status: str | None = None
    placed_on: str | None = None
    paid_minor: int | None = None
    refunded_minor: int | None = None
    is_test: bool | None = None


class Data(Struct, gc=False):
    """What a fact takes of an order event's data."""

    state: State
    occurred_on: date


class OrderEvent(Struct, gc=False):
    """What must be there for an envelope to be one of ours; names as in CloudEvents."""

    id: UUID
    type: str
    source: Told
    subject: Told
    tenant_id: UUID = field(name="tenantid")
    sequence: Annotated[int, Meta(ge=1, lt=2**31)]
    partition_key: Told = field(name="partitionkey")
    time: str
    recorded_at: str = field(name="recordedtime")
    actor: Told
    correlation_id: Told = field(name="correlationid")
    data: Data
    causation_id: Told | None = field(name="causationid", default=None)
    traceparent: Told | None = None

    def row(self) -> Row:
        """The fact as `rebuilds.facts.COLUMNS` names it. Raises ValueError where a time is none."""
        state = self.data.state
        attributes = Attributes(
            state.status,
            state.payment_status,
            state.fulfilment_status,
            state.placed_on,
            state.paid_minor,
            state.refunded_minor,
            state.is_test,
        )
        return (
            self.tenant_id,
            self.subject,
            self.sequence,
            self.type.split(".", 1)[1].removesuffix(".v1"),
            state.contact_id,
            _instant(self.time),
            self.data.occurred_on,
            _instant(self.recorded_at),
            state.currency,
            state.total_minor,
            state.margin_minor,
            _encode(attributes).decode(),
        )


_decode = Decoder(OrderEvent).decode
_encode = Encoder().encode


def order_event(event: str) -> OrderEvent | None:
    """The event, or None where it is not what an order's event looks like."""
    try:
        return _decode(event)
    except DecodeError:
        return None


def _instant(told: str) -> datetime:
    at = datetime.fromisoformat(told)
    if at.tzinfo is None:
        raise ValueError("an instant without its zone")
    return at
