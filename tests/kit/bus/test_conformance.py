"""What every implementation of the bus promises; the fixture `bus` names the implementations."""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest

from services.bus import Bus, Message, Received, TopicsDiffer, UnknownTopic
from services.bus.opening import bus_at
from services.settings import Settings
from tests.kafka.broker import Broker

Open = Callable[[], Awaitable[Bus]]


def postgres(request: pytest.FixtureRequest) -> str:
    settings: Settings = request.getfixturevalue("settings")
    return settings.bus_url


def kafka(request: pytest.FixtureRequest) -> str:
    broker: Broker = request.getfixturevalue("broker")
    return broker.url


IMPLEMENTATIONS = {"postgres": postgres, "kafka": kafka}


@pytest.fixture(params=list(IMPLEMENTATIONS))
def url(request: pytest.FixtureRequest) -> str:
    """The address of a bus of each kind."""
    return IMPLEMENTATIONS[request.param](request)


@pytest.fixture
async def open_bus(url: str) -> AsyncIterator[Open]:
    """Opens one more client of the bus, closed at the end of the test."""
    opened = list[Bus]()

    async def open_one() -> Bus:
        client = bus_at(url)
        opened.append(client)
        await client.start()
        return client

    yield open_one
    for bus in opened:
        await bus.close()


@pytest.fixture
async def bus(open_bus: Open) -> Bus:
    """The bus, whatever implements it."""
    return await open_bus()


@pytest.fixture
async def topic(bus: Bus) -> str:
    """A topic of one partition that no other test uses."""
    name = f"test.{uuid4()}"
    await bus.create_topics([name])
    return name


async def read_all(bus: Bus, topic: str, partitions: int = 1, *, limit: int = 500) -> list[Received]:
    """Everything in a topic, read as a consumer does: from its positions on, until nothing is left."""
    positions = {(topic, partition): 0 for partition in range(partitions)}
    found: list[Received] = []
    while records := await bus.read(positions, limit=limit, wait_seconds=0.0):
        found += records
        positions[records[-1].topic, records[-1].partition] = records[-1].offset + 1
    return found


def messages(topic: str, key: str, count: int, *, start: int = 0) -> list[Message]:
    return [Message(topic, key, f"{key}#{number}") for number in range(start, start + count)]


async def test_what_is_published_is_read_in_its_order_with_its_place(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, "a", 3))
    await bus.publish(messages(topic, "b", 2))
    read = await bus.read({(topic, 0): 0}, wait_seconds=0.0)
    assert read == [Received(topic, 0, n, event) for n, event in enumerate(["a#0", "a#1", "a#2", "b#0", "b#1"])]


async def test_an_event_is_carried_byte_for_byte(bus: Bus, topic: str) -> None:
    texts = ["", "{}", "ä𝄞\u200f\ufeff", "line\nline\r\n", '"quoted" \\ %s $1', "x" * 300_000]
    await bus.publish([Message(topic, "a", text) for text in texts])
    assert [record.event for record in await read_all(bus, topic)] == texts


async def test_making_a_topic_again_changes_nothing(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, "a", 2))
    await bus.create_topics([topic])
    assert await bus.heads([topic]) == {(topic, 0): 2}
    await bus.publish(messages(topic, "a", 1, start=2))
    assert [record.event for record in await read_all(bus, topic)] == ["a#0", "a#1", "a#2"]


async def test_a_topic_keeps_its_partitions_so_that_a_key_stays_where_it_is(bus: Bus, topic: str) -> None:
    await bus.create_topics([topic], partitions=5)
    assert await bus.heads([topic]) == {(topic, 0): 0}
    await bus.publish(messages(topic, "a", 2))
    assert [record.partition for record in await read_all(bus, topic, 5)] == [0, 0]


async def test_clients_that_are_opened_together_are_clients_of_their_own(open_bus: Open) -> None:
    clients = await asyncio.gather(*(open_bus() for _ in range(4)))
    assert len({id(client) for client in clients}) == 4


async def test_four_clients_make_one_topic_together(open_bus: Open) -> None:
    name, clients = f"test.{uuid4()}", [await open_bus() for _ in range(4)]
    await asyncio.gather(*(client.create_topics([name, f"{name}.dead"]) for client in clients))
    await asyncio.gather(*(client.publish(messages(name, "a", 1)) for client in clients))
    assert await clients[0].heads([name, f"{name}.dead"]) == {(name, 0): 4, (f"{name}.dead", 0): 0}


async def test_offsets_have_no_gap_and_keys_keep_their_order_under_four_writers(open_bus: Open, topic: str) -> None:
    async def write(client: Bus, writer: int) -> None:
        for start in range(0, 60, 3):
            await client.publish([*messages(topic, f"k{writer}", 3, start=start), *messages(topic, f"l{writer}", 1, start=start)])

    reader, *clients = [await open_bus() for _ in range(5)]
    position, seen = 0, list[Received]()
    async with asyncio.TaskGroup() as writers:
        for writer, client in enumerate(clients):
            writers.create_task(write(client, writer))
        while len(seen) < 4 * 80:
            records = await reader.read({(topic, 0): position}, limit=7, wait_seconds=5.0)
            assert records, "nothing arrived for five seconds"
            assert [record.offset for record in records] == list(range(position, position + len(records)))
            position += len(records)
            seen += records
    by_key: dict[str, list[int]] = defaultdict(list)
    for record in seen:
        key, _, number = record.event.partition("#")
        by_key[key].append(int(number))
    assert sorted(by_key) == [f"{letter}{writer}" for letter in "kl" for writer in range(4)]
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    assert by_key["k0"] == list(range(60))


async def test_a_read_gives_at_most_what_was_asked_and_goes_on_from_any_offset(bus: Bus, topic: str) -> None:
    await bus.publish(messages(topic, "a", 10))
    assert [record.offset for record in await bus.read({(topic, 0): 4}, limit=3, wait_seconds=0.0)] == [4, 5, 6]
    assert [record.offset for record in await read_all(bus, topic, limit=1)] == list(range(10))
    assert await bus.read({(topic, 0): 10}, wait_seconds=0.0) == []
    assert await bus.read({(topic, 0): 99}, wait_seconds=0.0) == []
    assert await bus.read({}, wait_seconds=0.0) == []


async def test_a_read_waits_for_news(bus: Bus, topic: str) -> None:
    waiting = asyncio.create_task(bus.read({(topic, 0): 0}, wait_seconds=30.0))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    await bus.publish(messages(topic, "a", 1))
    assert [record.event for record in await asyncio.wait_for(waiting, 5)] == ["a#0"]


async def test_an_unknown_topic_is_refused_and_nothing_of_the_batch_is_there(bus: Bus, topic: str) -> None:
    with pytest.raises(UnknownTopic, match=r"nowhere; run `mitra migrate`"):
        await bus.publish([*messages(topic, "a", 2), Message("test.nowhere", "a", "lost")])
    assert await read_all(bus, topic) == []
    assert await bus.heads(["test.nowhere"]) == {}


async def test_a_topic_made_by_another_client_is_found(open_bus: Open) -> None:
    early, name = await open_bus(), f"test.{uuid4()}"
    await (await open_bus()).create_topics([name])
    await early.publish(messages(name, "a", 1))
    assert len(await read_all(early, name)) == 1


async def test_a_key_lives_in_the_partition_of_its_crc(bus: Bus) -> None:
    name, partitions = f"test.{uuid4()}", 4
    await bus.create_topics([name], partitions=partitions)
    keys = [f"tenant:{number}" for number in range(40)]
    await bus.publish([message for key in keys for message in messages(name, key, 2)])
    read = await read_all(bus, name, partitions)
    places = {record.event.partition("#")[0]: record.partition for record in read}
    assert places == {key: zlib.crc32(key.encode()) % partitions for key in keys}
    assert len(set(places.values())) == partitions
    for partition in range(partitions):
        offsets = [record.offset for record in read if record.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_the_partition_that_is_furthest_behind_is_read_first(bus: Bus) -> None:
    name = f"test.{uuid4()}"
    await bus.create_topics([name], partitions=2)
    far, near = (next(k for k in map(str, range(99)) if zlib.crc32(k.encode()) % 2 == partition) for partition in (0, 1))
    await bus.publish([*messages(name, near, 1), *messages(name, far, 5)])
    first = await bus.read({(name, 0): 0, (name, 1): 0}, wait_seconds=0.0)
    assert {record.partition for record in first} == {0}
    then = await bus.read({(name, 0): 5, (name, 1): 0}, wait_seconds=0.0)
    assert {record.partition for record in then} == {1}


async def test_what_was_published_outlives_its_client(open_bus: Open, topic: str) -> None:
    first = await open_bus()
    await first.publish(messages(topic, "a", 2))
    await first.close()
    second = await open_bus()
    assert [record.event for record in await read_all(second, topic)] == ["a#0", "a#1"]
    await second.publish(messages(topic, "a", 1, start=2))
    assert [record.offset for record in await read_all(second, topic)] == [0, 1, 2]


async def test_nothing_is_published_for_nothing_and_nothing_before_the_start(url: str, bus: Bus, topic: str) -> None:
    await bus.publish([])
    assert await bus.heads([topic]) == {(topic, 0): 0}
    with pytest.raises(RuntimeError, match="not started"):
        await bus_at(url).publish(messages(topic, "a", 1))


async def test_missing_topics_are_named(bus: Bus, topic: str) -> None:
    await bus.create_topics([f"{topic}.usual"], partitions=bus.usual_partitions)
    await bus.check_topics([f"{topic}.usual"])
    with pytest.raises(TopicsDiffer, match=r"test\.nowhere"):
        await bus.check_topics([f"{topic}.usual", "test.nowhere"])


async def test_whoever_joins_alone_owns_everything_and_reads_from_the_positions_that_it_names(bus: Bus, topic: str) -> None:
    await bus.create_topics([f"{topic}.other"], partitions=3)
    await bus.publish(messages(topic, "a", 5))
    reader = await bus.join("alone", [topic, f"{topic}.other"])
    try:
        owned = await reader.owned()
        assert owned == {(topic, 0), *((f"{topic}.other", partition) for partition in range(3))}
        positions = dict.fromkeys(owned, 0) | {(topic, 0): 3}
        assert [record.offset for record in await reader.read(positions, limit=1, wait_seconds=5.0)] == [3]
        assert [record.offset for record in await reader.read(positions | {(topic, 0): 1}, wait_seconds=5.0)] == [1, 2, 3, 4]
        assert await reader.read(positions | {(topic, 0): 5}, wait_seconds=0.0) == []
    finally:
        await reader.close()
