"""Keeping the orders that results are measured by."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.deliveries import Delivery

from .models import GoalOrder


async def on_order(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Keep each purchase as its last event left it; what is no purchase any more, or a test, is forgotten."""
    rows, gone = [], []
    for delivery in {delivery.envelope.subject: delivery for delivery in deliveries}.values():
        state: Any = delivery.event.state
        if state.placed_at is None or state.status == "cancelled" or state.is_test:
            gone.append(state.id)
            continue
        amount = state.total_minor - state.refunded_minor
        row = {"order_id": state.id, "contact_id": state.contact_id, "placed_at": state.placed_at, "amount_minor": amount}
        rows.append({"tenant_id": delivery.envelope.tenant_id, "currency": state.currency, **row})
    if gone:
        await session.execute(delete(GoalOrder).where(GoalOrder.order_id.in_(gone)))
    if rows:
        statement = insert(GoalOrder)
        kept = {name: statement.excluded[name] for name in ("contact_id", "placed_at", "currency", "amount_minor")}
        statement = statement.on_conflict_do_update(index_elements=[GoalOrder.tenant_id, GoalOrder.order_id], set_=kept)
        await session.execute(statement, sorted(rows, key=lambda row: row["order_id"]))
