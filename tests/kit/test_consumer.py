"""The consumer: what is tried again, what stops it, and what it tells."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import structlog
from demo_svc.things.operations import on_thing
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services import consumer as consumer_module
from services.bus import Message, OutOfRange
from services.consumer import Consumer, TooManyParked
from services.contracts import Event
from services.database import context_of
from services.deliveries import Delivery, Handler
from services.envelope import Envelope
from services.parking import Parked
from services.positions import Applied, ConsumerOffset
from services.settings import plain_url
from tests.harness import Mitra
from tests.kit.conftest import Kill
from tests.kit.test_order import handled, publish, used
from tests.kit.test_relay import until


class Flaky:
    """A handler that does nothing but fail as told, call by call, and then is the handler of the demo service."""

    def __init__(self, *failures: Callable[[AsyncSession], Awaitable[Any]]) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self, session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
        await on_thing(session, deliveries)
        self.calls += 1
        if self.failures:
            await self.failures.pop(0)(session)


async def lose_network(_session: AsyncSession) -> None:
    raise ConnectionResetError


async def lose_database(session: AsyncSession) -> None:
    await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def time_out(session: AsyncSession) -> None:
    await session.execute(text("SET LOCAL statement_timeout = 1"))
    await session.execute(text("SELECT pg_sleep(1)"))


def consumer(mitra: Mitra, handler: Handler, *, name: str = "other") -> Consumer:
    """Another consumer of the demo service, with its own position."""
    worker = mitra.workers["demo"]
    return Consumer(name, worker.database, worker.relay._bus, topics=["crm.demo"], handlers={Event: [handler]})


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(consumer.run())
    try:
        yield task
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, (asyncio.CancelledError, TooManyParked)), ended


async def parked(mitra: Mitra) -> list[tuple[str, int, str]]:
    async with mitra.session("demo", None) as session:
        rows = await session.scalars(select(Parked).order_by(Parked.subject, Parked.sequence))
        return [(row.subject, row.sequence, row.reason) for row in rows]


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


async def test_what_fails_for_the_moment_is_tried_again_until_it_passes(mitra: Mitra, tenant_id: UUID) -> None:
    thing_id, flaky = uuid4(), Flaky(lose_network, lose_database, time_out)
    await publish(mitra, used(tenant_id, thing_id, 1), used(tenant_id, thing_id, 2))
    async with running(consumer(mitra, flaky)) as task:
        await until(lambda: _is_handled(mitra, tenant_id, thing_id, [1, 2]))
        assert not task.done()
    assert (await parked(mitra), flaky.calls) == ([], 4)


async def _is_handled(mitra: Mitra, tenant_id: UUID, thing_id: UUID, sequences: list[int]) -> bool:
    return await handled(mitra, tenant_id, thing_id) == sequences


async def test_a_consumer_outlives_the_connections_that_it_reads_and_writes_through(
    mitra: Mitra, tenant_id: UUID, kill_backends: Kill
) -> None:
    thing_id = uuid4()
    async with running(consumer(mitra, on_thing)) as task:
        for sequence, application in enumerate(("mitra bus", "mitra work demo", "mitra bus", "mitra work demo"), start=1):
            await until(partial(_is_published, mitra, used(tenant_id, thing_id, sequence)))
            await until(partial(_is_handled, mitra, tenant_id, thing_id, list(range(1, sequence + 1))))
            await kill_backends(application)
        assert not task.done()


async def _is_published(mitra: Mitra, message: Message) -> bool:
    """Publish as a relay does: who is not told repeats."""
    try:
        await publish(mitra, message)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    return True


async def test_whoever_was_away_long_is_found_within_a_second_of_coming_back(mitra: Mitra, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, sleep = [], asyncio.sleep
    failures = iter([ConnectionRefusedError()] * 7)

    async def look() -> int:
        raise next(failures, OutOfRange("the end of this test"))

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    looking = consumer(mitra, on_thing)
    monkeypatch.setattr(looking, "step", look)
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(OutOfRange):
        await looking.run()
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


async def test_so_many_failures_stop_the_consumer_instead_of_parking_the_world(
    mitra: Mitra, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "MOST_FAILED_SUBJECTS", 3)
    things = [uuid4() for _ in range(5)]
    await publish(mitra, *(used(tenant_id, thing_id, 1, label="poison") for thing_id in things))
    sick = consumer(mitra, on_thing)
    async with running(sick) as task:
        with pytest.raises(TooManyParked, match="other: 3 subjects fail already; repair the handler, then start again"):
            await asyncio.wait_for(task, 10)
    assert await parked(mitra) == sorted((f"thing/{thing_id}", 1, "failed") for thing_id in things[:3])

    repaired = consumer(mitra, _ignore)
    await repaired.step(wait_seconds=0.0)
    assert repaired.applied == 2
    assert [await repaired.release(f"thing/{thing_id}") for thing_id in things[:3]] == [1, 1, 1]
    assert await parked(mitra) == []


async def _ignore(_session: AsyncSession, _deliveries: Sequence[Delivery]) -> None:
    """The handler as it should have been."""


async def test_a_release_that_fails_again_changes_nothing(mitra: Mitra, tenant_id: UUID) -> None:
    thing_id = uuid4()
    await publish(mitra, used(tenant_id, thing_id, 1, label="poison"), used(tenant_id, thing_id, 2))
    sick = consumer(mitra, on_thing)
    await sick.step(wait_seconds=0.0)
    before = await parked(mitra)
    with pytest.raises(ValueError, match="cannot be handled"):
        await sick.release(f"thing/{thing_id}")
    assert await parked(mitra) == before
    assert await handled(mitra, tenant_id, thing_id) == []
    with pytest.raises(LookupError, match="nothing of thing/nobody is parked for other"):
        await sick.release("thing/nobody")


async def test_a_gap_that_lasts_is_told_in_the_log(mitra: Mitra, tenant_id: UUID) -> None:
    await publish(mitra, used(tenant_id, uuid4(), 2))
    waiting = consumer(mitra, on_thing)
    await waiting.step(wait_seconds=0.0)
    with structlog.testing.capture_logs() as young:
        await waiting._alert_gaps()
    async with mitra.session("demo", None) as session:
        await session.execute(text("UPDATE parked SET parked_at = now() - interval '61 seconds'"))
        await session.commit()
    with structlog.testing.capture_logs() as old:
        async with running(waiting):
            await until(lambda: _is_told(old))
    assert young == []
    (gap,) = old
    assert (gap["event"], gap["consumer"], gap["log_level"], gap["seconds"] >= 61) == ("event_gap", "other", "error", True)


async def _is_told(entries: Sequence[Any]) -> bool:
    return bool(entries)


async def test_a_new_consumer_starts_at_the_beginning_of_the_log_and_goes_on_where_it_stopped(mitra: Mitra, tenant_id: UUID) -> None:
    thing_id = uuid4()
    await publish(mitra, *(used(tenant_id, thing_id, n) for n in (1, 2)))
    first = consumer(mitra, on_thing)
    assert await first.step(wait_seconds=0.0) == 2
    await publish(mitra, used(tenant_id, thing_id, 3))
    second = consumer(mitra, on_thing)
    assert await second.step(wait_seconds=0.0) == 1
    assert await handled(mitra, tenant_id, thing_id) == [1, 2, 3]
    async with mitra.session("demo", None) as session:
        assert await session.scalar(select(ConsumerOffset.next_offset).where(ConsumerOffset.consumer == "other")) == 3
        assert await session.scalar(select(Applied.sequence).where(Applied.consumer == "other")) == 3


async def test_two_consumers_each_have_their_own_position_and_their_own_dedupe(mitra: Mitra, tenant_id: UUID) -> None:
    seen: dict[str, list[int]] = {"left": [], "right": []}
    await publish(mitra, used(tenant_id, uuid4(), 1))
    for name in seen:

        async def note(_session: AsyncSession, deliveries: Sequence[Delivery], name: str = name) -> None:
            seen[name] += [delivery.envelope.sequence for delivery in deliveries]

        each = consumer(mitra, note, name=name)
        assert [await each.step(wait_seconds=0.0) for _ in range(2)] == [1, 0]
    assert seen == {"left": [1], "right": [1]}


async def test_a_type_that_nobody_knows_counts_and_reaches_only_those_who_take_everything(mitra: Mitra, tenant_id: UUID) -> None:
    thing_id = uuid4()
    strange = Message("crm.demo", "k", used(tenant_id, thing_id, 1).event.replace("demo.thing.used.v1", "demo.thing.painted.v1"))
    await publish(mitra, strange, used(tenant_id, thing_id, 2))
    types: list[str] = []

    async def note(_session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
        types.extend(delivery.envelope.type for delivery in deliveries)

    worker = mitra.workers["demo"]
    from demo_svc.events import ThingUsed

    picky = Consumer("picky", worker.database, worker.relay._bus, topics=["crm.demo"], handlers={ThingUsed: [note]})
    await picky.step(wait_seconds=0.0)
    assert (types, picky.applied) == (["demo.thing.used.v1"], 2)
    await consumer(mitra, note).step(wait_seconds=0.0)
    assert types[1:] == ["demo.thing.painted.v1", "demo.thing.used.v1"]


async def test_a_handler_acts_as_its_service_in_the_chain_of_the_event(mitra: Mitra, tenant_id: UUID) -> None:
    message = used(tenant_id, uuid4(), 1)
    contexts = []

    async def note(session: AsyncSession, _deliveries: Sequence[Delivery]) -> None:
        contexts.append(context_of(session))

    await publish(mitra, message)
    await consumer(mitra, note).step(wait_seconds=0.0)
    envelope = Envelope.from_json(message.event)
    (context,) = contexts
    assert (context.tenant_id, context.actor) == (tenant_id, "system:other")
    assert (context.correlation_id, context.causation_id) == (envelope.correlation_id, str(envelope.id))


async def test_events_of_several_tenants_in_one_batch_are_handled_each_in_its_tenant(mitra: Mitra) -> None:
    things = {await mitra.new_tenant(): uuid4() for _ in range(3)}
    bus = mitra.workers["demo"].relay._bus
    await bus.publish([used(tenant_id, thing_id, n) for n in (1, 2) for tenant_id, thing_id in things.items()])
    each = consumer(mitra, on_thing)
    assert await each.step(wait_seconds=0.0) == 6
    for tenant_id, thing_id in things.items():
        assert await handled(mitra, tenant_id, thing_id) == [1, 2]


async def test_what_may_pass_later_is_told_from_what_may_not(mitra: Mitra) -> None:
    async def error_of(statement: str) -> BaseException:
        async with mitra.session("demo", None) as session:
            with pytest.raises(DBAPIError) as raised:
                await session.execute(text(statement))
            return raised.value

    assert consumer_module.is_transient(await error_of("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert consumer_module.is_transient(ConnectionRefusedError())
    assert consumer_module.is_transient(TimeoutError())
    assert not consumer_module.is_transient(await error_of("SELECT 1 / 0"))
    assert not consumer_module.is_transient(await error_of("SELECT nothing"))
    bus = await asyncpg.connect(plain_url(mitra.settings.bus_url))
    with pytest.raises(asyncpg.PostgresError) as raised:
        await bus.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert consumer_module.is_transient(raised.value)
    with pytest.raises(asyncpg.InterfaceError) as closed:
        await bus.execute("SELECT 1")
    assert consumer_module.is_transient(closed.value)
    assert not consumer_module.is_transient(ValueError())
