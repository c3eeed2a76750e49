"""Rebuilding: what is read again from the log, or worked out again from the facts, is what it was."""

import asyncio
import os
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner

from analytics_svc.customers.models import CustomerStats
from analytics_svc.history import lake
from analytics_svc.rebuilds.command import rebuild
from analytics_svc.rebuilds.customers import Rebuilt, rebuild_customers
from analytics_svc.rebuilds.facts import LogEndsEarly, Replayed, rebuild_facts
from analytics_svc.settings import history_folder
from services.bus import Message
from services.identifiers import new_id
from tests.analytics.history.made import FIRST_DAY, batch, connected, flush, held, keys_of, with_orders
from tests.analytics.history.test_questions import a_company
from tests.analytics.make import KNOWN, Order, events_of, publish, settle
from tests.harness import Mitra

EVENTS = int(os.environ.get("MITRA_REPLAY_EVENTS", "1500"))
"""With `MITRA_REPLAY_EVENTS=1000000` (and `--timeout 0`) the same test is the long run: it takes six minutes and 2.3 GB."""
FACTS = """SELECT count(*), md5(string_agg(md5(row::text), '' ORDER BY subject, sequence)) FROM (
SELECT subject, sequence, kind, contact_id, occurred_at, occurred_on, recorded_at, currency, amount_minor, margin_minor, attributes
FROM fact
) AS row"""
CUSTOMERS = "SELECT count(*), md5(string_agg(md5(row::text), '' ORDER BY contact_id)) FROM customer_stats AS row"


async def seen(mitra: Mitra, tenant_id: UUID, statement: str) -> tuple[int, str]:
    """How many rows a statement gives, and what stands in them as one text."""
    async with mitra.session("analytics", tenant_id) as session:
        return tuple((await session.execute(text(statement))).one())  # type: ignore[return-value]


async def rebuilt_facts(mitra: Mitra) -> Replayed:
    return await rebuild_facts(mitra.settings, history_folder(mitra.settings), lambda _: None)


async def rebuilt_customers(mitra: Mitra) -> Rebuilt:
    return await rebuild_customers(mitra.settings, history_folder(mitra.settings), lambda *_: None)


async def test_replay_equals_live(mitra: Mitra, tenant_id: UUID) -> None:
    """For orders with every kind of change, delivered out of order and some of them twice, beside another tenant's."""
    other_id = await mitra.new_tenant()
    orders = a_company(tenant_id, count=EVENTS * 2 // 3)
    events = events_of([*orders, *a_company(other_id, count=60, seed=5)])
    random.Random(4).shuffle(events)
    bus = mitra.workers["analytics"].relay._bus
    for start in range(0, len(events), 5_000):
        await bus.publish(events[start : start + 5_000] + events[start : start + 3])
    await settle(mitra, jobs=False)
    await flush(mitra, most=max(EVENTS // 3, 50_000 * (EVENTS > 100_000)))
    facts, customers = await seen(mitra, tenant_id, FACTS), await seen(mitra, tenant_id, CUSTOMERS)
    done = await rebuilt_customers(mitra)
    assert (done.tenants, done.facts, done.changed) == (2, len(events), 0)
    assert await seen(mitra, tenant_id, CUSTOMERS) == customers
    replayed = await rebuilt_facts(mitra)
    assert (replayed.facts, replayed.events) == (len(events), replayed.total)
    assert await seen(mitra, tenant_id, FACTS) == facts
    assert facts[0] == sum(len(order.events) for order in orders)
    await spoil_customers(mitra, tenant_id)
    assert (await rebuilt_customers(mitra)).changed == customers[0]
    assert await seen(mitra, tenant_id, CUSTOMERS) == customers
    assert (held(mitra), batch(mitra)) == ([], 0)
    await flush(mitra)
    assert len(held(mitra)) == len(events)


async def spoil_customers(mitra: Mitra, tenant_id: UUID) -> None:
    """As a mistake in the rule would have: everybody's sums are wrong, and somebody is there who never ordered."""
    async with mitra.session("analytics", tenant_id) as session:
        await session.execute(text("UPDATE customer_stats SET revenue_minor = revenue_minor + 1"))
        nothing = {column.name: 0 for column in CustomerStats.__table__.columns if not column.nullable}
        await session.execute(insert(CustomerStats).values(nothing | {"tenant_id": tenant_id, "contact_id": new_id()}))
        await session.commit()


async def test_what_comes_while_facts_are_rebuilt_is_applied_afterwards(mitra: Mitra, tenant_id: UUID) -> None:
    orders = await with_orders(mitra, tenant_id, 3)
    late = Order(tenant_id, new_id()).place(FIRST_DAY)
    waiting: list[asyncio.Task[Any]] = []

    def come_meanwhile(done: Replayed) -> None:
        if not waiting:
            waiting.append(asyncio.create_task(publish(mitra, late.events)))

    done = await rebuild_facts(mitra.settings, history_folder(mitra.settings), come_meanwhile)
    assert (done.total, done.facts) == (3, 3)
    await asyncio.gather(*waiting)
    await settle(mitra)
    await flush(mitra)
    assert held(mitra) == keys_of([*orders, late])


async def test_an_event_that_is_parked_gives_no_fact(mitra: Mitra, tenant_id: UUID) -> None:
    """Its first event never came; the undecodable one gave nothing the first time either."""
    orders = await with_orders(mitra, tenant_id, 2)
    gap = Order(tenant_id, new_id()).place(FIRST_DAY).refund(FIRST_DAY + timedelta(days=1), 5)
    await publish(mitra, [gap.events[1], Message("crm.pipeline", "x", "no event")])
    before = await seen(mitra, tenant_id, FACTS)
    assert (await rebuilt_facts(mitra)).facts == 2
    assert await seen(mitra, tenant_id, FACTS) == before
    await publish(mitra, gap.events[:1])
    await flush(mitra)
    assert held(mitra) == keys_of([*orders, gap])


async def test_nobody_begins_to_read_a_new_topic_while_the_facts_are_rebuilt(
    mitra: Mitra, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was applied of it before the facts go would go with them, and be read from no log."""
    await with_orders(mitra, tenant_id, 1)

    async def begin_meanwhile(*_arguments: Any) -> None:
        async with connected(mitra) as connection:
            await connection.execute("SET lock_timeout = '100ms'")
            await connection.execute("INSERT INTO consumer_offset VALUES ('analytics', 'crm.new', 0, 1)")

    monkeypatch.setattr("analytics_svc.rebuilds.facts._replay", begin_meanwhile)
    with pytest.raises(asyncpg.LockNotAvailableError):
        await rebuilt_facts(mitra)


async def test_a_rebuild_that_breaks_off_leaves_everything_as_it_was(mitra: Mitra, tenant_id: UUID) -> None:
    """The log lost its end: the facts stay, the Delta table too, and the flusher and the consumer are let in again."""
    orders = await with_orders(mitra, tenant_id, 4)
    await flush(mitra)
    before = await seen(mitra, tenant_id, FACTS)
    async with connected(mitra) as connection:
        await connection.execute("UPDATE consumer_offset SET next_offset = next_offset + 1 WHERE topic = 'crm.pipeline'")
        monkey = pytest.MonkeyPatch()
        monkey.setattr("analytics_svc.rebuilds.facts.WAIT_SECONDS", 0.0)
        with pytest.raises(LogEndsEarly, match=r"crm\.pipeline/0 ends at 4; 5 were applied"):
            await rebuilt_facts(mitra)
        monkey.undo()
        await connection.execute("UPDATE consumer_offset SET next_offset = next_offset - 1 WHERE topic = 'crm.pipeline'")
    assert (await seen(mitra, tenant_id, FACTS), held(mitra)) == (before, keys_of(orders))
    mitra.workers["analytics"].consumer.forget_positions()
    more = await with_orders(mitra, tenant_id, 1)
    await flush(mitra)
    assert held(mitra) == keys_of([*orders, *more])


async def test_the_command_says_what_was_done(mitra: Mitra, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    order, *_ = await with_orders(mitra, tenant_id, 3)
    await publish(mitra, [order.refund(FIRST_DAY, 1000, recorded_at=KNOWN).events[1]])
    monkeypatch.setattr("analytics_svc.rebuilds.command.up.running_settings", lambda _: mitra.settings)
    said = [await asyncio.to_thread(CliRunner().invoke, rebuild, [what]) for what in ("facts", "customers")]
    assert [done.exit_code for done in said] == [0, 0]
    assert "4 facts from 4 events, in " in said[0].output
    assert "3 customers of 1 tenants from 4 facts, 0 of them changed, in " in said[1].output.replace("\n", " ")
    assert lake.opened(history_folder(mitra.settings)) is None
