"""The law of the projection: whatever is delivered, and however often and in whichever order, the facts alone decide."""

import asyncio
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from analytics_svc.customers.models import CustomerStats
from analytics_svc.customers.operations import on_order
from analytics_svc.customers.purchases import statistics
from analytics_svc.customers.rules import Statistics, statistics_of
from analytics_svc.facts.models import Fact
from services.deliveries import Delivery
from services.identifiers import new_id
from tests.analytics.make import KNOWN, Order, events_of, publish, settle
from tests.harness import Mitra

FIRST_DAY = date(2026, 1, 1)
DAYS = st.integers(0, 40).map(lambda n: FIRST_DAY + timedelta(days=n))
INSTANTS = st.integers(0, 40).map(lambda n: KNOWN + timedelta(hours=n))


@st.composite
def orders(draw: st.DrawFn, tenant_id: UUID, contact_ids: Sequence[UUID]) -> Order:
    """An order with up to four later changes, recorded one after another."""
    order = Order(tenant_id, draw(st.sampled_from(contact_ids)))
    total = draw(st.integers(0, 5000))
    recorded = sorted(draw(st.lists(INSTANTS, min_size=5, max_size=5)))
    order.place(
        draw(DAYS),
        total,
        recorded_at=recorded[0],
        currency=draw(st.sampled_from(["USD", "USD", "USD", "EUR"])),
        margin_minor=draw(st.none() | st.integers(-total, total)),
        paid_minor=draw(st.sampled_from([0, total // 2, total])),
        is_test=draw(st.sampled_from([False, False, False, True])),
    )
    for at in recorded[1 : draw(st.integers(1, 5))]:
        change(draw, order, contact_ids, recorded_at=at)
    return order


def change(draw: st.DrawFn, order: Order, contact_ids: Sequence[UUID], *, recorded_at: datetime) -> None:
    on = draw(DAYS)
    verb = draw(st.sampled_from(["refund", "cancel", "back-date", "amount", "hand over"]))
    left = order.state["paid_minor"] - order.state.get("refunded_minor", 0)
    if verb == "refund" and left > 0:
        order.refund(on, draw(st.integers(1, left)), recorded_at=recorded_at)
    elif verb == "cancel":
        order.cancel(on, recorded_at=recorded_at)
    elif verb == "back-date":
        order.change(on, recorded_at=recorded_at, placed_on=draw(DAYS))
    elif verb == "amount":
        order.change(on, recorded_at=recorded_at, total_minor=draw(st.integers(0, 5000)))
    else:
        order.change(on, recorded_at=recorded_at, contact_id=draw(st.sampled_from(contact_ids)))


async def live(mitra: Mitra, tenant_id: UUID) -> dict[UUID, Statistics]:
    """The projection as it stands."""
    async with mitra.session("analytics", tenant_id) as session:
        rows = (await session.execute(select(CustomerStats.__table__))).mappings().all()
        return {row["contact_id"]: Statistics(**{k: v for k, v in row.items() if k not in ("tenant_id", "contact_id")}) for row in rows}


async def facts_of(mitra: Mitra, tenant_id: UUID) -> Sequence[Fact]:
    async with mitra.session("analytics", tenant_id) as session:
        return (await session.scalars(select(Fact))).all()


@hypothesis_settings(max_examples=60)
@given(data=st.data())
async def test_any_interleaving_ends_in_what_the_facts_give(running_mitra: Mitra, data: st.DataObject) -> None:
    """For all orders, and all shuffled and repeated deliveries of their events: each event is one fact, and the projection and the
    statement for any day and instant equal the rule in Python.
    """
    tenant_id = await running_mitra.new_tenant()
    contact_ids = [new_id(), new_id()]
    made = data.draw(st.lists(orders(tenant_id, contact_ids), min_size=1, max_size=4))
    events = events_of(made)
    delivered = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=4))))
    cut = data.draw(st.integers(0, len(delivered)))
    for part in (delivered[:cut], delivered[cut:]):
        if part:
            await running_mitra.workers["analytics"].relay._bus.publish(part)
            await settle(running_mitra, jobs=False)
    facts = await facts_of(running_mitra, tenant_id)
    assert {(f.subject, f.sequence) for f in facts} == {(f"order/{o.id}", n) for o in made for n in range(1, len(o.events) + 1)}
    assert await live(running_mitra, tenant_id) == statistics_of(facts, currency="USD")
    as_of, known_at = data.draw(DAYS), data.draw(INSTANTS)
    for wanted in (None, contact_ids):
        async with running_mitra.session("analytics", tenant_id) as session:
            rows = (await session.execute(statistics(contact_ids=wanted, as_of=as_of, known_at=known_at))).mappings().all()
        found = {row["contact_id"]: Statistics(**{k: v for k, v in row.items() if k != "contact_id"}) for row in rows}
        expected = statistics_of(facts, currency="USD", as_of=as_of, known_at=known_at)
        assert found == {contact_id: bought for contact_id, bought in expected.items() if bought.orders}


def a_year_of_orders(tenant_id: UUID, *, seed: int = 7, count: int = 200) -> list[Order]:
    chance = random.Random(seed)
    contacts = [new_id() for _ in range(count // 4)]
    made = []
    for _ in range(count):
        on = FIRST_DAY + timedelta(days=chance.randrange(300))
        order = Order(tenant_id, chance.choice(contacts)).place(on, chance.randrange(1, 9000), margin_minor=chance.choice([None, 5]))
        if chance.random() < 0.2:
            order.refund(on + timedelta(days=9), chance.randrange(1, order.state["paid_minor"] + 1))
        if chance.random() < 0.1:
            order.change(on + timedelta(days=12), placed_on=on - timedelta(days=30))
        made.append(order)
    return made


async def test_replay_equals_live(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    events = events_of(a_year_of_orders(tenant_id))
    random.Random(3).shuffle(events)
    await publish(mitra, events)
    before, facts = await live(mitra, tenant_id), len(await facts_of(mitra, tenant_id))
    async with mitra.session("analytics", tenant_id) as session:
        for table in ("customer_stats", "fact", "applied", "consumer_offset"):
            await session.execute(text(f"DELETE FROM {table}"))
        await session.commit()
    mitra.workers["analytics"].consumer.forget_positions()
    assert await live(mitra, tenant_id) == {}
    await settle(mitra)
    assert await live(mitra, tenant_id) == before
    assert (len(await facts_of(mitra, tenant_id)), len(before)) == (facts, 50)


async def test_a_tenant_that_becomes_known_after_its_orders_ends_as_if_it_had_been_known(mitra: Mitra) -> None:
    from services.bus import Message
    from services.database import Context
    from services.events.platform import TenantCreated, TenantState
    from services.outbox import Written, envelope_of

    tenant_id = new_id()
    await publish(mitra, events_of(a_year_of_orders(tenant_id, count=20)))
    unknown = await live(mitra, tenant_id)
    assert {bought.currency for bought in unknown.values()} == {None}
    assert all(bought.orders == bought.orders_without_rate for bought in unknown.values())
    state = TenantState(id=tenant_id, created_at=KNOWN, name="Late", time_zone="UTC", currency="USD", status="active")
    written = Written(tenant_id, 1, f"{tenant_id}:{tenant_id}", KNOWN)
    envelope = envelope_of(written, TenantCreated(state=state), Context(tenant_id, "system:test", "test"))
    await publish(mitra, [Message("crm.platform", envelope.partition_key, envelope.to_json().decode())])
    assert await live(mitra, tenant_id) == statistics_of(await facts_of(mitra, tenant_id), currency="USD")


async def test_handlers_that_touch_one_customer_at_once_lose_nothing(mitra: Mitra) -> None:
    """As two partitions of one topic do: each transaction brings another order of the same two customers."""
    tenant_id = await mitra.new_tenant()
    contact_ids = sorted([new_id(), new_id()])
    made = [[Order(tenant_id, c).place(FIRST_DAY + timedelta(days=n)) for c in contact_ids] for n in range(20)]

    async def handle(orders: Sequence[Order]) -> None:
        async with mitra.session("analytics", tenant_id) as session:
            await on_order(session, [Delivery.decode(event.event) for event in events_of(orders)])
            await session.commit()

    await asyncio.gather(*(handle(part) for part in made))
    found: dict[UUID, Any] = dict(await live(mitra, tenant_id))
    assert [(found[c].purchase_days, found[c].revenue_minor) for c in contact_ids] == [(20, 20_000)] * 2
