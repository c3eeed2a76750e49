"""Ten thousand events that had to wait are applied in order, each once: when the missing one comes, and when the handler was repaired."""

import random
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from demo_svc.things.models import ThingTally
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.consumer import BATCH, Consumer
from services.contracts import Event
from services.deliveries import Delivery
from services.parking import Parked
from tests.harness import Mitra
from tests.kit.test_order import used

MANY = 10_000


class Notebook:
    """A handler that notes the sequences of each thing; while it is `broken` it takes nothing."""

    def __init__(self) -> None:
        self.broken = False

    async def note(self, session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
        if self.broken and deliveries:
            raise ZeroDivisionError
        told: dict[UUID, list[str]] = defaultdict(list)
        for delivery in deliveries:
            told[delivery.event.state.id].append(str(delivery.envelope.sequence))
        for thing_id, sequences in told.items():
            tally = await session.get(ThingTally, thing_id)
            if tally is None:
                session.add(ThingTally(thing_id=thing_id, tenant_id=deliveries[0].envelope.tenant_id, sequences=sequences))
            else:
                tally.sequences = [*tally.sequences, *sequences]
        await session.flush()


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def consumer(mitra: Mitra, notebook: Notebook) -> Consumer:
    worker = mitra.workers["demo"]
    return Consumer("notebook", worker.database, worker.relay._bus, topics=["crm.demo"], handlers={Event: [notebook.note]})


async def publish(mitra: Mitra, tenant_id: UUID, told: Sequence[tuple[UUID, int]]) -> None:
    for start in range(0, len(told), 1000):
        await mitra.workers["demo"].relay._bus.publish([used(tenant_id, *each) for each in told[start : start + 1000]])


async def consume(consumer: Consumer) -> None:
    while await consumer.step(wait_seconds=0.0):
        pass


async def parked(mitra: Mitra) -> int:
    async with mitra.session("demo", None) as session:
        return await session.scalar(select(func.count()).select_from(Parked)) or 0


async def noted(mitra: Mitra, tenant_id: UUID) -> dict[UUID, list[str]]:
    async with mitra.session("demo", tenant_id) as session:
        return {tally.thing_id: tally.sequences for tally in await session.scalars(select(ThingTally))}


async def test_what_waits_for_a_missing_event_is_applied_in_order_when_it_comes(
    mitra: Mitra, tenant_id: UUID, notebook: Notebook, consumer: Consumer
) -> None:
    thing, late = uuid4(), list(range(2, MANY + 2))
    random.Random(1).shuffle(late)
    await publish(mitra, tenant_id, [(thing, sequence) for sequence in late])
    await consume(consumer)
    assert (await parked(mitra), await noted(mitra, tenant_id)) == (MANY, {})
    await publish(mitra, tenant_id, [(thing, 1)])
    await consume(consumer)
    assert await noted(mitra, tenant_id) == {thing: [str(sequence) for sequence in range(1, MANY + 2)]}
    assert (await parked(mitra), consumer.applied, consumer.repeats) == (0, MANY + 1, 0)


async def test_what_a_broken_handler_could_not_take_is_released_in_order_once_it_is_repaired(
    mitra: Mitra, tenant_id: UUID, notebook: Notebook, consumer: Consumer
) -> None:
    """Ten things of a thousand events each: the first of each parks it, the others join it, also those that come afterwards."""
    things = [uuid4() for _ in range(10)]
    notebook.broken = True
    await publish(mitra, tenant_id, [(thing, 1) for thing in things])
    await consume(consumer)
    assert await parked(mitra) == len(things) < BATCH
    notebook.broken = False
    each = MANY // len(things)
    await publish(mitra, tenant_id, [(thing, sequence) for sequence in range(2, each + 1) for thing in things])
    await consume(consumer)
    assert (await parked(mitra), await noted(mitra, tenant_id)) == (MANY, {})
    assert [await consumer.release(f"thing/{thing}") for thing in things] == [each] * len(things)
    assert await noted(mitra, tenant_id) == {thing: [str(sequence) for sequence in range(1, each + 1)] for thing in things}
    assert await parked(mitra) == 0
    await publish(mitra, tenant_id, [(things[0], each + 1)])
    await consume(consumer)
    assert (await noted(mitra, tenant_id))[things[0]][-1] == str(each + 1)
