"""Processes of a consumer share the partitions through their group; whoever comes or goes, each event is applied once and in order."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from uuid import uuid4

import pytest

from services.bus import Place
from services.bus.kafka import KafkaBus, KafkaReader
from services.consumer import Consumer
from services.positions import PartitionLost
from tests.harness import Mitra
from tests.journeys.company import ROOT
from tests.kafka.broker import Broker
from tests.kafka.conftest import Member, events_of
from tests.kit.test_order import handled

SECONDS = 100.0
MEMBER = """
import asyncio, sys
from services.bus.kafka import KafkaBus

async def main(url, topic):
    bus = KafkaBus(url)
    await bus.start()
    print(len(await (await bus.join(topic, [topic])).owned()), flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def share(consumer: Consumer) -> frozenset[Place]:
    return frozenset() if consumer._reader is None else await consumer._reader.owned()


async def shares(*consumers: Consumer) -> list[int]:
    """How many partitions each owns, once all are owned by one each."""
    async with asyncio.timeout(SECONDS):
        while True:
            owned = [await share(each) for each in consumers]
            if sum(map(len, owned)) == 12 == len(frozenset().union(*owned)) and all(owned):
                return sorted(map(len, owned))
            await asyncio.sleep(0.05)


def generation_of(consumer: Consumer) -> int:
    """How often the group has shared the partitions, as this member knows it."""
    assert isinstance(consumer._reader, KafkaReader)
    return int(consumer._reader._consumer._coordinator.generation)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_two_and_three_members_share_a_stream_that_never_stops(mitra: Mitra, bus: KafkaBus, topic: str, member: Member) -> None:
    tenant_id, things = await mitra.new_tenant(), [uuid4() for _ in range(40)]
    written = 0
    stopping = asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not stopping.is_set():
            await bus.publish(events_of(topic, tenant_id, things, [written + 1]))
            written += 1
            await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    first, second, third = [await member() for _ in range(3)]
    tasks = {first: asyncio.create_task(first.run())}
    assert await shares(first) == [12]
    tasks[second] = asyncio.create_task(second.run())
    assert await shares(first, second) == [6, 6]
    tasks[third] = asyncio.create_task(third.run())
    assert await shares(first, second, third) == [4, 4, 4]
    applied = [each.applied for each in (first, second, third)]
    await until(lambda: all(each.applied > before for each, before in zip((first, second, third), applied, strict=True)))
    await end(tasks.pop(second))
    await second.close()
    assert await shares(first, third) == [6, 6]
    stopping.set()
    await writing
    await until(lambda: sum(each.applied for each in (first, second, third)) == written * len(things))
    for task in tasks.values():
        await end(task)
    assert [await handled(mitra, tenant_id, thing) for thing in things] == [list(range(1, written + 1))] * len(things)


async def test_a_member_that_dies_without_a_word_is_replaced_when_its_session_is_over(
    mitra: Mitra, bus: KafkaBus, broker: Broker, topic: str, member: Member
) -> None:
    tenant_id, things = await mitra.new_tenant(), [uuid4() for _ in range(24)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MEMBER, broker.url, topic, stdout=PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"12\n"
    process.kill()
    await process.wait()
    await bus.publish(events_of(topic, tenant_id, things, [1, 2]))
    heir = await member()
    working = asyncio.create_task(heir.run())
    assert await shares(heir) == [12]
    await until(lambda: heir.applied == 48)
    await end(working)
    assert [await handled(mitra, tenant_id, thing) for thing in things] == [[1, 2]] * 24


async def test_a_member_that_comes_back_under_its_name_has_its_partitions_at_once_and_the_others_keep_theirs(member: Member) -> None:
    first, second, heir = await member(named="one"), await member(named="two"), await member(named="one")
    working = {each: asyncio.create_task(each.run()) for each in (first, second)}
    assert await shares(first, second) == [6, 6]
    its_share, generation = await share(first), generation_of(second)
    await end(working[first])
    await first.close()  # it does not leave: to the group this is a kill
    working[heir] = asyncio.create_task(heir.run())
    assert await shares(heir, second) == [6, 6]
    assert await share(heir) == its_share
    assert generation_of(heir) == generation_of(second) == generation  # nobody waited for a session to end, nothing was shared anew
    await end(working[heir])
    await end(working[second])


async def test_two_members_under_one_name_take_turns_and_apply_each_event_once(
    mitra: Mitra, bus: KafkaBus, topic: str, member: Member
) -> None:
    tenant_id, things = await mitra.new_tenant(), [uuid4() for _ in range(24)]
    twins = [await member(named="one") for _ in range(2)]
    working = [asyncio.create_task(each.run()) for each in twins]
    for sequence in range(1, 6):
        await bus.publish(events_of(topic, tenant_id, things, [sequence]))
        await until(lambda: sum(each.applied for each in twins) == sequence * len(things))  # noqa: B023 - it is awaited in this turn
    for task in working:
        await end(task)
    assert [await handled(mitra, tenant_id, thing) for thing in things] == [[1, 2, 3, 4, 5]] * 24


async def test_who_reads_on_after_its_partitions_went_to_another_applies_nothing(
    mitra: Mitra, bus: KafkaBus, topic: str, member: Member
) -> None:
    tenant_id, thing = await mitra.new_tenant(), uuid4()
    late, owner = await member(), await member()
    await bus.publish(events_of(topic, tenant_id, [thing], [1]))
    while not await late.step():
        pass
    stale = dict(late._positions)
    await late.close()
    await bus.publish(events_of(topic, tenant_id, [thing], [2, 3]))
    while owner.applied < 2:
        await owner.step()
    records = await bus.read({place: offset for place, offset in stale.items() if offset}, wait_seconds=5.0)
    with pytest.raises(PartitionLost):
        await late._consume(records)
    assert await handled(mitra, tenant_id, thing) == [1, 2, 3]
