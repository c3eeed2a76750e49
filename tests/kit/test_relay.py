"""The relay: one at work, others ready, in order, with a repeat at most, whoever is killed."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from demo_svc.things.models import ThingTally
from demo_svc.things.operations import ThingCreate, create_things, get_thing, record, state_of  # type: ignore[attr-defined]
from sqlalchemy import func, insert, select

from services import relay as relay_module
from services.bus.postgres import PostgresBus
from services.envelope import Envelope
from services.outbox import Outbox
from services.relay import Relay
from services.settings import plain_url
from tests.harness import Mitra
from tests.kit.conftest import Kill

OFFICE = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 7101 AND granted AND pg_stat_activity.datname = 'mitra_demo'
"""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when `condition` holds; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def bus(mitra: Mitra) -> PostgresBus:
    return mitra.workers["demo"].relay._bus


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@asynccontextmanager
async def at_work(mitra: Mitra, *services: str) -> AsyncIterator[dict[str, "asyncio.Task[None]"]]:
    """Relays of the demo service that run, each under a name of its own."""
    bus, url = mitra.workers["demo"].relay._bus, plain_url(mitra.settings.database("demo"))
    tasks = {f"mitra relay {name}": asyncio.create_task(Relay(url, bus, service=name).run()) for name in services}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        ended = await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended


async def in_office(mitra: Mitra) -> list[str]:
    """The names of the connections that hold the relay's lock."""
    connection = await asyncpg.connect(plain_url(mitra.settings.owner_database("demo")))
    try:
        return [row["application_name"] for row in await connection.fetch(OFFICE)]
    finally:
        await connection.close()


async def waiting(mitra: Mitra) -> int:
    async with mitra.session("demo", None) as session:
        return await session.scalar(select(func.count()).select_from(Outbox)) or 0


async def is_empty(mitra: Mitra) -> bool:
    return await waiting(mitra) == 0


async def make(mitra: Mitra, tenant_id: UUID, count: int = 1) -> list[UUID]:
    async with mitra.session("demo", tenant_id) as session:
        made = await create_things(session, [ThingCreate(label="lamp") for _ in range(count)])
        await session.commit()
        return [thing.id for thing in made]


async def change(mitra: Mitra, tenant_id: UUID, thing_id: UUID, times: int) -> None:
    from demo_svc.events import ThingUpdated

    for _ in range(times):
        async with mitra.session("demo", tenant_id) as session:
            thing = await get_thing(session, thing_id, lock=True)
            thing.amount_minor += 1
            await record(session, thing, ThingUpdated(state=state_of(thing)))
            await session.commit()


async def on_the_bus(bus: PostgresBus, topic: str = "crm.demo") -> dict[str, list[int]]:
    """The sequences of each subject in the order of the log, repeats included."""
    found: dict[str, list[int]] = defaultdict(list)
    position = 0
    while records := await bus.read({(topic, 0): position}, wait_seconds=0.0):
        for each in records:
            envelope = Envelope.from_json(each.event)
            found[envelope.subject].append(envelope.sequence)
        position = records[-1].offset + 1
    return found


async def test_a_standby_takes_over_when_the_one_in_office_is_killed(
    mitra: Mitra, tenant_id: UUID, bus: PostgresBus, kill_backends: Kill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "STANDBY_SECONDS", 0.02)
    async with at_work(mitra, "one", "two") as tasks:
        await make(mitra, tenant_id)
        await until(lambda: is_empty(mitra))
        (first,) = await in_office(mitra)
        tasks[first].cancel()
        assert await kill_backends(first) <= 1
        await make(mitra, tenant_id)
        await until(lambda: is_empty(mitra))
        (second,) = await in_office(mitra)
        assert {first, second} == set(tasks)
    assert list((await on_the_bus(bus)).values()) == [[1], [1]]


async def test_a_relay_that_lost_its_connection_comes_back(
    mitra: Mitra, tenant_id: UUID, kill_backends: Kill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "STANDBY_SECONDS", 0.02)
    async with at_work(mitra, "one"):
        for application in ("mitra relay one", "mitra bus", "mitra relay one"):
            await make(mitra, tenant_id)
            await until(lambda: is_empty(mitra))
            assert await kill_backends(application) >= 1
        await make(mitra, tenant_id)
        await until(lambda: is_empty(mitra))


async def test_under_repeated_kills_every_subject_keeps_its_order_and_is_handled_once(
    mitra: Mitra, tenant_id: UUID, bus: PostgresBus, kill_backends: Kill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "STANDBY_SECONDS", 0.01)
    things = await make(mitra, tenant_id, 4)
    async with at_work(mitra, "one", "two"):
        writing = asyncio.gather(*(change(mitra, tenant_id, thing_id, 30) for thing_id in things))
        kills = 0
        while not writing.done() or kills < 8:
            for application in ("mitra relay one", "mitra bus", "mitra relay two"):
                kills += await kill_backends(application)
                await asyncio.sleep(0.02)
        await writing
        await until(lambda: is_empty(mitra))
    told = await on_the_bus(bus)
    assert {subject: list(dict.fromkeys(sequences)) for subject, sequences in told.items()} == {
        f"thing/{thing_id}": list(range(1, 32)) for thing_id in things
    }
    await mitra.drain()
    async with mitra.session("demo", tenant_id) as session:
        for tally in await session.scalars(select(ThingTally)):
            assert tally.sequences == [str(n) for n in range(1, 32)]


async def test_a_relay_that_dies_between_publish_and_delete_repeats_and_the_consumer_drops_the_repeat(
    mitra: Mitra, tenant_id: UUID, bus: PostgresBus, kill_backends: Kill
) -> None:
    (thing_id,) = await make(mitra, tenant_id)
    await change(mitra, tenant_id, thing_id, 2)
    doomed = await asyncpg.connect(plain_url(mitra.settings.database("demo")), server_settings={"application_name": "doomed"})
    blocker = await asyncpg.connect(plain_url(mitra.settings.database("bus")))
    relay = Relay("", bus, service="doomed")
    async with blocker.transaction():
        await blocker.execute("SELECT FROM bus_head WHERE topic = 'crm.demo' FOR UPDATE")
        moving = asyncio.create_task(relay.move(doomed))
        await until(lambda: _is_blocked(blocker))
        assert await kill_backends("doomed") == 1
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await moving
    await blocker.close()
    assert (await waiting(mitra), relay.published) == (3, 0)
    before = mitra.workers["demo"].consumer.repeats
    await mitra.drain()
    assert await on_the_bus(bus) == {f"thing/{thing_id}": [1, 2, 3, 1, 2, 3]}
    assert mitra.workers["demo"].consumer.repeats - before == 3
    async with mitra.session("demo", tenant_id) as session:
        assert (await session.scalars(select(ThingTally.sequences))).all() == [["1", "2", "3"]]


async def _is_blocked(connection: "asyncpg.Connection[asyncpg.Record]") -> bool:
    return bool(await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"))


async def plant(mitra: Mitra, topic: str, key: str, event: str = "{}") -> None:
    async with mitra.session("demo", None) as session:
        await session.execute(insert(Outbox).values(topic=topic, partition_key=key, event=event))
        await session.commit()


async def test_a_key_that_cannot_be_published_is_held_and_the_others_flow(mitra: Mitra, tenant_id: UUID, bus: PostgresBus) -> None:
    relay, connection = mitra.workers["demo"].relay, mitra.relays["demo"]
    (first,) = await make(mitra, tenant_id)
    await plant(mitra, "crm.nowhere", f"{tenant_id}:{first}")
    await change(mitra, tenant_id, first, 1)
    (second,) = await make(mitra, tenant_id)
    assert await relay.move(connection) == 2
    assert await on_the_bus(bus) == {f"thing/{first}": [1], f"thing/{second}": [1]}
    await change(mitra, tenant_id, first, 1)
    await change(mitra, tenant_id, second, 1)
    assert await relay.move(connection) == 1
    assert await relay.move(connection) == 0
    assert (await waiting(mitra), (await on_the_bus(bus))[f"thing/{second}"]) == (3, [1, 2])
    relay._held.clear()


async def test_a_held_key_is_tried_again_and_goes_on_in_order(
    mitra: Mitra, tenant_id: UUID, bus: PostgresBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "HOLD_SECONDS", 0.0)
    relay, connection, topic = mitra.workers["demo"].relay, mitra.relays["demo"], "test.made-late"
    (thing_id,) = await make(mitra, tenant_id)
    await plant(mitra, topic, f"{tenant_id}:{thing_id}", "late")
    await change(mitra, tenant_id, thing_id, 2)
    assert [await relay.move(connection), await relay.move(connection)] == [1, 0]
    await bus.create_topics([topic])
    assert await relay.move(connection) == 3
    assert await on_the_bus(bus) == {f"thing/{thing_id}": [1, 2, 3]}
    assert [each.event for each in await bus.read({(topic, 0): 0}, wait_seconds=0.0)] == ["late"]


async def test_more_than_one_batch_moves_in_order(mitra: Mitra, tenant_id: UUID, bus: PostgresBus) -> None:
    for count in (500, 500, 201):
        await make(mitra, tenant_id, count)
    relay, connection = mitra.workers["demo"].relay, mitra.relays["demo"]
    assert [await relay.move(connection) for _ in range(3)] == [1000, 201, 0]
    assert len(await on_the_bus(bus)) == 1201
