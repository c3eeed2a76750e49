"""What a consumer does when the log holds what it cannot read, holds no longer what it has to read, or moves no more."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.bus import BusUnavailable, Message, OutOfRange, Unpublishable
from services.bus.kafka import KafkaBus
from services.consumer import dead_letter_topic
from services.deliveries import Delivery
from services.positions import ConsumerOffset
from services.watchdog import ConsumerStuck, watch
from tests.harness import Mitra
from tests.kafka.broker import Broker
from tests.kafka.conftest import Member, events_of
from tests.kit.test_order import handled

EVERYWHERE = range(12)


async def test_a_poison_record_goes_to_the_dead_letters_to_the_byte_and_what_follows_is_applied(
    mitra: Mitra, bus: KafkaBus, broker: Broker, topic: str, member: Member
) -> None:
    tenant_id, thing, poison = await mitra.new_tenant(), uuid4(), b"\xff\xfe poison"
    (first, second) = events_of(topic, tenant_id, [thing], [1, 2])
    await bus.publish([first])
    (place,) = [place for place, head in (await bus.heads([topic])).items() if head]
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        await producer.send_and_wait(topic, poison, partition=place[1], headers=[("ce_specversion", b"\xff")])
        await producer.send_and_wait(topic, None, key=b"k", partition=place[1])
    await bus.publish([second])
    consumer = await member()
    while consumer.applied < 2:
        await consumer.step()
    assert await handled(mitra, tenant_id, thing) == [1, 2]
    dead = await bus.read({(dead_letter_topic(topic), partition): 0 for partition in EVERYWHERE}, wait_seconds=5.0)
    assert [poison in record.event.encode("utf-8", "surrogateescape") for record in dead] == [True, False]
    assert dead[1].event == ""


async def test_a_position_that_the_log_no_longer_holds_stops_the_consumer_loudly(
    bus: KafkaBus, broker: Broker, topic: str, member: Member
) -> None:
    thing = uuid4()
    await bus.publish(events_of(topic, uuid4(), [thing], [1, 2, 3]))
    ((_, partition),) = [place for place, head in (await bus.heads([topic])).items() if head]
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=2)})
    await admin.close()
    consumer = await member()
    with pytest.raises(OutOfRange, match=rf"{topic}/{partition}@0"):
        await asyncio.wait_for(consumer.run(), 30)
    assert consumer.applied == 0


async def test_a_position_behind_the_end_of_the_log_stops_the_consumer_loudly(
    mitra: Mitra, bus: KafkaBus, topic: str, member: Member
) -> None:
    consumer = await member()
    await bus.publish(events_of(topic, uuid4(), [uuid4()], [1]))
    await consumer.step()
    await consumer.close()
    async with mitra.session("demo", None) as session:
        await session.execute(update(ConsumerOffset).where(ConsumerOffset.consumer == topic).values(next_offset=77))
        await session.commit()
    with pytest.raises(OutOfRange, match="@77, the log ends at"):
        await asyncio.wait_for(consumer.run(), 30)


async def test_an_event_that_is_too_large_is_refused_and_the_bus_goes_on(bus: KafkaBus, topic: str) -> None:
    noise = "".join(chr(32 + (number * 7919) % 90) for number in range(1_200_000))
    with pytest.raises(Unpublishable):
        await bus.publish([Message(topic, "a", noise)])
    await bus.publish([Message(topic, "a", "small")])
    assert sum((await bus.heads([topic])).values()) == 1


async def test_the_watchdog_ends_a_consumer_that_stands_still_while_events_wait(
    mitra: Mitra, bus: KafkaBus, topic: str, member: Member
) -> None:
    async def hang(_session: AsyncSession, _deliveries: Sequence[Delivery]) -> None:
        await asyncio.Event().wait()

    consumer = await member(hang)
    working = asyncio.create_task(consumer.run())
    watching = asyncio.create_task(watch(consumer, patience_seconds=0.8))
    done, _ = await asyncio.wait({watching}, timeout=2.0)
    assert not done, "nothing waits yet"
    await bus.publish(events_of(topic, await mitra.new_tenant(), [uuid4()], [1]))
    with pytest.raises(ConsumerStuck, match="1 events wait"):
        await asyncio.wait_for(watching, 20)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_the_watchdog_leaves_alone_who_goes_slowly_and_who_cannot_be_asked_about(
    mitra: Mitra, bus: KafkaBus, topic: str, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(_session: AsyncSession, _deliveries: Sequence[Delivery]) -> None:
        await asyncio.sleep(0.2)

    monkeypatch.setattr("services.consumer.BATCH", 1)
    consumer = await member(slow)
    await bus.publish(events_of(topic, await mitra.new_tenant(), [uuid4() for _ in range(10)], [1]))
    working = asyncio.create_task(consumer.run())
    watching = asyncio.create_task(watch(consumer, patience_seconds=0.8))
    async with asyncio.timeout(30):
        while consumer.applied < 10:
            assert not watching.done()
            await asyncio.sleep(0.05)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    async def refuse(_topics: Sequence[str]) -> dict[tuple[str, int], int]:
        raise BusUnavailable("gone")

    monkeypatch.setattr(consumer._bus, "heads", refuse)
    done, _ = await asyncio.wait({watching}, timeout=2.0)
    assert not done
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
