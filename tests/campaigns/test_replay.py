"""Replay equals live: the orders by which results are measured, in whatever order and however often their events come in."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from campaigns_svc.consumers import HANDLERS
from campaigns_svc.results.models import GoalOrder
from services.consumer import Consumer
from services.identifiers import new_id
from tests.analytics.make import Order, events_of
from tests.harness import Mitra

FIRST_DAY = date(2026, 1, 1)
VERBS = ["refund", "cancel", "another day", "another customer", "a test"]


@st.composite
def orders(draw: st.DrawFn, tenant_id: UUID, contact_ids: Sequence[UUID]) -> Order:
    """An order with up to four later changes."""
    order = Order(tenant_id, draw(st.sampled_from(contact_ids))).place(FIRST_DAY, draw(st.integers(10, 5_000)))
    for verb in draw(st.lists(st.sampled_from(VERBS), max_size=4)):
        on = FIRST_DAY + timedelta(days=draw(st.integers(1, 40)))
        if verb == "refund":
            order.refund(on, 2)
        elif verb == "cancel":
            order.cancel(on)
        elif verb == "another day":
            order.change(on, placed_at=f"{on}T12:00:00Z", placed_on=on)
        else:
            order.change(
                on, **({"is_test": draw(st.booleans())} if verb == "a test" else {"contact_id": draw(st.sampled_from(contact_ids))})
            )
    return order


def purchases(made: Sequence[Order]) -> dict[UUID, tuple[UUID, str, int]]:
    """What is left of orders, by their last states: whose, on which day, and what of the money stayed."""
    lasting = [each.state for each in made if each.state["status"] != "cancelled" and not each.state.get("is_test")]
    return {
        state["id"]: (state["contact_id"], str(state["placed_on"]), state["total_minor"] - state.get("refunded_minor", 0))
        for state in lasting
    }


async def goal_orders(mitra: Mitra, tenant_id: UUID) -> dict[UUID, tuple[UUID, str, int]]:
    async with mitra.session("campaigns", tenant_id) as session:
        rows = (await session.scalars(select(GoalOrder))).all()
    assert {row.currency for row in rows} <= {"USD"}
    return {row.order_id: (row.contact_id, str(row.placed_at.date()), row.amount_minor) for row in rows}


@hypothesis_settings(max_examples=12)
@given(data=st.data())
async def test_shuffled_and_repeated_deliveries_keep_the_same_orders_and_replay_equals_live(
    running_mitra: Mitra, data: st.DataObject
) -> None:
    """Law: in whatever order and however often the events of orders are published, in whatever batches, goal orders are the last state of
    each; and a second consumer that reads the log from its beginning keeps the very same.
    """
    mitra = running_mitra
    await mitra.empty()
    tenant_id = await mitra.new_tenant()
    made = data.draw(st.lists(orders(tenant_id, [new_id(), new_id()]), min_size=1, max_size=5))
    messages = events_of(made)
    shuffled = data.draw(st.permutations(messages + data.draw(st.lists(st.sampled_from(messages), max_size=6))))
    worker = mitra.workers["campaigns"]
    options: dict[str, Any] = {"topics": ["crm.pipeline"], "handlers": HANDLERS}
    live, replay = (Consumer(name, worker.database, worker.relay._bus, **options) for name in ("live", "replay"))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        await worker.relay._bus.publish(shuffled[:size])
        shuffled = shuffled[size:]
        await live.step(wait_seconds=0.0)
    assert await goal_orders(mitra, tenant_id) == purchases(made)
    async with mitra.session("campaigns", tenant_id) as session:
        await session.execute(delete(GoalOrder))
        await session.commit()
    while await replay.step(wait_seconds=0.0):
        pass
    assert await goal_orders(mitra, tenant_id) == purchases(made)
