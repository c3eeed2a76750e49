"""A broker that dies and comes back under load: nothing is lost, doubled or reordered, and nobody has to be started again."""

import asyncio
import signal
from collections.abc import Callable
from uuid import UUID, uuid4

from services.bus.kafka import KafkaBus
from services.consumer import Consumer
from services.contracts import Event
from services.relay import Relay
from services.settings import plain_url
from tests.harness import Mitra
from tests.kafka.broker import Broker
from tests.kit.test_order import handled
from tests.kit.test_relay import change, make, waiting

SECONDS = 100.0


async def test_a_broker_that_is_restarted_under_load_costs_nothing_but_time(
    mitra: Mitra,
    broker: Broker,
    bus: KafkaBus,
) -> None:
    from demo_svc.things.operations import on_thing

    await bus.create_topics(["crm.demo", "crm.demo.dead"], partitions=bus.usual_partitions)
    tenant_id, database = await mitra.new_tenant(), mitra.workers["demo"].database
    things = [(await make(mitra, tenant_id))[0] for _ in range(20)]
    versions = dict.fromkeys(things, 1)
    stopping = asyncio.Event()

    async def write(mine: list[UUID]) -> None:
        while not stopping.is_set():
            for thing in mine:
                await change(mitra, tenant_id, thing, 1)
                versions[thing] += 1

    relay = Relay(plain_url(mitra.settings.database("demo")), bus, service="demo")
    consumer = Consumer(f"restart-{uuid4()}", database, bus, topics=["crm.demo"], handlers={Event: [on_thing]})
    moving = [asyncio.create_task(relay.run()), asyncio.create_task(consumer.run())]
    writing = [asyncio.create_task(write(things[part::4])) for part in range(4)]
    await _until(lambda: consumer.applied > 50)
    await asyncio.to_thread(broker.stop, number=signal.SIGKILL)
    before = sum(versions.values())
    await _until(lambda: sum(versions.values()) > before + 40)
    await asyncio.to_thread(broker.start)
    applied = consumer.applied
    await _until(lambda: consumer.applied > applied + 50)
    stopping.set()
    await asyncio.gather(*writing)
    await _until(lambda: consumer.applied >= sum(versions.values()))
    assert await waiting(mitra) == 0
    for task in moving:
        task.cancel()
    await asyncio.gather(*moving, return_exceptions=True)
    await consumer.close()
    for thing, version in versions.items():
        assert await handled(mitra, tenant_id, thing) == list(range(1, version + 1))


async def test_readers_can_be_closed_while_no_broker_answers(broker: Broker, topic: str) -> None:
    bus = KafkaBus(broker.url)
    await bus.start()
    readers = [await bus.join(f"close-{uuid4()}", [topic]) for _ in range(4)]
    for reader in readers:
        await reader.read(dict.fromkeys(await reader.owned(), 0), wait_seconds=0.1)
    try:
        await asyncio.to_thread(broker.stop, number=signal.SIGKILL)
        for reader in readers:
            await asyncio.sleep(0.05)  # by now it has asked in vain, and waits to ask again
            async with asyncio.timeout(SECONDS):
                await reader.close()
        await bus.close()
    finally:
        await asyncio.to_thread(broker.start)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.02)
