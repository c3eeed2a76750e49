"""The stage of every bench: a durable embedded PostgreSQL with migrated databases, and a whole Mitra in this process."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from services import embedded, memory, up
from services.bus import Message
from services.clock import utc_now
from services.database import Context
from services.events.pipeline import OrderLine, OrderPlaced, OrderState
from services.identifiers import new_id
from services.manifests import discover
from services.outbox import Written, envelope_of
from services.settings import Settings
from tests.harness import Mitra, open_mitra


@asynccontextmanager
async def open_stage() -> AsyncIterator[Mitra]:
    """Every service on databases that are as durable as in production, in a folder that goes at the end."""
    with tempfile.TemporaryDirectory(prefix="mitra-bench-", ignore_cleanup_errors=True) as name, embedded.start(Path(name)) as server:
        settings = Settings(**up.addresses_on(server), folder=Path(name))
        await up.prepare(settings, server)
        async with open_mitra(settings, discover()) as mitra:
            memory.set_apart_what_is_loaded()  # as every process of Mitra does
            yield mitra


def placed_orders(tenant_id: UUID, contacts: Sequence[UUID], count: int) -> list[Message]:
    """`count` order.placed events as pipeline publishes them, spread over `contacts` and over two years."""
    context = Context(tenant_id, "system:bench", "bench")
    today = utc_now()
    messages = []
    for number in range(count):
        order_id, contact_id = new_id(), contacts[number % len(contacts)]
        placed_at = today - timedelta(days=(number * 37) % 730)
        fact = OrderPlaced(state=order_state(order_id, contact_id, placed_at), occurred_on=placed_at.date())
        written = Written(order_id, 1, f"{tenant_id}:{contact_id}", today)
        envelope = envelope_of(written, fact, context, occurred_at=placed_at)
        messages.append(Message("crm.pipeline", envelope.partition_key, envelope.to_json().decode()))
    return messages


def order_state(order_id: UUID, contact_id: UUID, placed_at: datetime) -> OrderState:
    """A paid and fulfilled order of one line."""
    day: date = placed_at.date()
    line = OrderLine(line_no=1, category="music", quantity=1, unit_price_minor=1177, amount_minor=1177, fulfilled_quantity=1)
    return OrderState(
        id=order_id,
        created_at=placed_at,
        number=f"O-{order_id}",
        contact_id=contact_id,
        placed_at=placed_at,
        placed_on=day,
        currency="USD",
        lines=[line],
        total_minor=1177,
        paid_minor=1177,
        status="placed",
        payment_status="paid",
        fulfilment_status="fulfilled",
    )
