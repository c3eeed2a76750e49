"""A topic of its own on the broker for each test, and consumers of the demo service that read it."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.bus import Message
from services.bus.kafka import KafkaBus
from services.consumer import Consumer, dead_letter_topic
from services.contracts import Event
from services.deliveries import Handler
from tests.harness import Mitra
from tests.kafka.broker import Broker
from tests.kit.test_order import used

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))

Member = Callable[..., Awaitable[Consumer]]


@pytest.fixture
async def bus(broker: Broker) -> AsyncIterator[KafkaBus]:
    """A client of the broker."""
    bus = KafkaBus(broker.url)
    await bus.start()
    yield bus
    await bus.close()


@pytest.fixture
async def topic(bus: KafkaBus) -> str:
    """A topic of twelve partitions, with its dead letters."""
    name = f"test.{uuid4()}"
    await bus.create_topics([name, dead_letter_topic(name)], partitions=bus.usual_partitions)
    return name


@pytest.fixture
async def member(mitra: Mitra, broker: Broker, topic: str) -> AsyncIterator[Member]:
    """Makes one more process's consumer of the topic: a client of its own, and the position of all of them in one database."""
    from demo_svc.things.operations import on_thing

    async with AsyncExitStack() as stack:

        async def make(handler: Handler = on_thing, *, named: str = "") -> Consumer:
            bus = KafkaBus(broker.url, member=named)
            await bus.start()
            stack.push_async_callback(bus.close)
            consumer = Consumer(topic, mitra.workers["demo"].database, bus, topics=[topic], handlers={Event: [handler]})
            stack.push_async_callback(consumer.close)
            return consumer

        yield make


def events_of(topic: str, tenant_id: UUID, things: Sequence[UUID], sequences: Sequence[int]) -> list[Message]:
    """The events of these versions of `things`, on `topic`."""
    return [replace(used(tenant_id, thing, sequence), topic=topic) for sequence in sequences for thing in things]
