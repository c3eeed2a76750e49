"""Order events as the pipeline publishes them, and customers made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from services.bus import Message
from services.contracts import Event
from services.database import Context
from services.events import pipeline
from services.identifiers import new_id
from services.outbox import Written, envelope_of
from tests.harness import Mitra

KNOWN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Order:
    """An order whose every change is an event; `events` holds those made so far, in the order of their sequences."""

    tenant_id: UUID
    contact_id: UUID
    id: UUID = field(default_factory=new_id)
    state: dict[str, Any] = field(default_factory=dict)
    events: list[Message] = field(default_factory=list)

    def place(self, on: date, total_minor: int = 1000, *, recorded_at: datetime = KNOWN, **fields: Any) -> "Order":
        """Born placed and paid on a day."""
        self.state = {
            "id": self.id,
            "created_at": recorded_at,
            "number": "A-1",
            "contact_id": self.contact_id,
            "placed_at": datetime.combine(on, time(12), UTC),
            "placed_on": on,
            "currency": "USD",
            "lines": [{"line_no": 1, "quantity": 1, "unit_price_minor": total_minor, "amount_minor": total_minor}],
            "total_minor": total_minor,
            "paid_minor": total_minor,
            "status": "placed",
            "payment_status": "paid",
            "fulfilment_status": "none",
        } | fields
        return self.tell(pipeline.OrderPlaced, on, recorded_at=recorded_at)

    def refund(self, on: date, amount_minor: int, *, recorded_at: datetime = KNOWN) -> "Order":
        """Money back."""
        refunded = self.state.get("refunded_minor", 0) + amount_minor
        status = "refunded" if refunded >= self.state["paid_minor"] else "partly_refunded"
        at = datetime.combine(on, time(12), UTC)
        return self.tell(
            pipeline.OrderRefunded, on, recorded_at=recorded_at, state={"refunded_minor": refunded, "payment_status": status},
            amount_minor=amount_minor, at=at,
        )  # fmt: skip

    def cancel(self, on: date, *, recorded_at: datetime = KNOWN) -> "Order":
        """Called off."""
        return self.tell(pipeline.OrderCancelled, on, recorded_at=recorded_at, state={"status": "cancelled"})

    def change(self, on: date, *, recorded_at: datetime = KNOWN, **state: Any) -> "Order":
        """Fields changed; `placed_on` moves the purchase, `contact_id` hands it to somebody else."""
        return self.tell(pipeline.OrderChanged, on, recorded_at=recorded_at, state=state)

    def tell(
        self, kind: type[Event], on: date, *, recorded_at: datetime = KNOWN, state: dict[str, Any] | None = None, **special: Any
    ) -> "Order":
        """One more event."""
        self.state |= state or {}
        fact = kind.model_validate({"state": self.state, "occurred_on": on, **special})
        written = Written(self.id, len(self.events) + 1, f"{self.tenant_id}:{self.contact_id}", recorded_at)
        occurred_at = datetime.combine(on, time(12), UTC)
        envelope = envelope_of(written, fact, Context(self.tenant_id, "system:test", "test"), occurred_at=occurred_at)
        self.events.append(Message("crm.pipeline", envelope.partition_key, envelope.to_json().decode()))
        return self


def events_of(orders: Iterable[Order]) -> list[Message]:
    """All events of orders, order by order."""
    return [event for order in orders for event in order.events]


async def publish(mitra: Mitra, messages: Sequence[Message]) -> None:
    """Put events on the bus, and let everything that follows from them in analytics happen."""
    await mitra.workers["analytics"].relay._bus.publish(messages)
    await settle(mitra)


async def settle(mitra: Mitra, *, jobs: bool = True) -> None:
    """Let analytics consume and work until it is quiet; the other services stand still, and what it writes stays in its outbox."""
    worker = mitra.workers["analytics"]
    async with mitra.databases["analytics"].engine.connect() as connection:
        moved = True
        while moved:
            moved = bool(await worker.consumer.step(wait_seconds=0.0)) or (jobs and await worker.jobs.step(connection))
