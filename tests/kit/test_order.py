"""Order and loss: what the outbox, the log and the consumer promise (design.md section 5)."""

import asyncio
import random
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from services.bus import Message
from services.consumer import Consumer
from services.contracts import Event
from services.database import Context
from services.envelope import Envelope
from services.outbox import Outbox, RecordedTwice, Unrecorded, Written, envelope_of, record
from services.parking import Parked, list_parked
from services.settings import plain_url
from tests.harness import Mitra


def used(tenant_id: UUID, thing_id: UUID, sequence: int, *, label: str = "lamp") -> Message:
    """The event of version `sequence` of a thing, as its service would publish it."""
    from demo_svc.events import ThingState, ThingUsed

    from services.clock import utc_now

    at = utc_now()
    state = ThingState(id=thing_id, created_at=at, label=label, amount_minor=0, status="used")
    written = Written(thing_id, sequence, f"{tenant_id}:{thing_id}", at)
    envelope = envelope_of(written, ThingUsed(state=state, by_amount_minor=1), Context(tenant_id, "system:test", "c"))
    return Message("crm.demo", envelope.partition_key, envelope.to_json().decode())


async def handled(mitra: Mitra, tenant_id: UUID, thing_id: UUID) -> list[int]:
    """The sequences that the handler of the demo service has seen of a thing, in its order."""
    from demo_svc.things.models import ThingTally

    async with mitra.session("demo", tenant_id) as session:
        tally = await session.get(ThingTally, thing_id)
        return [] if tally is None else [int(sequence) for sequence in tally.sequences]


async def publish(mitra: Mitra, *messages: Message) -> None:
    for message in messages:
        await mitra.workers["demo"].relay._bus.publish([message])


async def test_a_hundred_concurrent_writers_of_a_row_leave_ids_and_versions_in_the_same_order(mitra: Mitra) -> None:
    from demo_svc.things.operations import ThingUpdated, get_thing, state_of

    tenant_id = await mitra.new_tenant()
    client = mitra.client("demo", mitra.caller(tenant_id))
    thing_id = UUID((await client.post("/v1/things", json={"label": "lamp"})).json()["id"])

    async def write(number: int) -> None:
        async with mitra.session("demo", tenant_id) as session:
            thing = await get_thing(session, thing_id, lock=True)
            await asyncio.sleep(0)
            thing.amount_minor += number
            await record(session, thing, ThingUpdated(state=state_of(thing)))
            await session.commit()

    await asyncio.gather(*(write(number) for number in range(1, 101)))
    events = await mitra.outbox("demo")
    assert [event.sequence for event in events] == list(range(1, 102))
    assert [event.recorded_at for event in events] == sorted(event.recorded_at for event in events)
    assert events[-1].data["state"]["amount_minor"] == 5050


async def test_a_rolled_back_request_leaves_no_row_and_no_event(mitra: Mitra) -> None:
    from demo_svc.things.operations import create_things
    from demo_svc.things.schemas import ThingCreate

    tenant_id = await mitra.new_tenant()
    async with mitra.session("demo", tenant_id) as session:
        await create_things(session, [ThingCreate(label="lamp")])
        await session.rollback()
    assert await mitra.outbox("demo") == []
    assert (await mitra.client("demo", mitra.caller(tenant_id)).get("/v1/things")).json()["items"] == []


async def test_a_second_event_of_a_subject_in_a_transaction_is_refused(mitra: Mitra) -> None:
    from demo_svc.things.operations import archive_thing, create_things, use_thing
    from demo_svc.things.schemas import ThingCreate

    tenant_id = await mitra.new_tenant()
    async with mitra.session("demo", tenant_id) as session:
        (thing,) = await create_things(session, [ThingCreate(label="lamp")])
        await session.commit()
        await use_thing(session, thing.id, 1)
        with pytest.raises(RecordedTwice):
            await archive_thing(session, thing.id)


async def test_a_change_that_no_event_tells_of_cannot_be_flushed(mitra: Mitra) -> None:
    from demo_svc.things.operations import create_things, get_thing
    from demo_svc.things.schemas import ThingCreate

    tenant_id = await mitra.new_tenant()
    async with mitra.session("demo", tenant_id) as session:
        (made,) = await create_things(session, [ThingCreate(label="lamp")])
        await session.commit()
        thing = await get_thing(session, made.id)
        thing.label = "desk"
        with pytest.raises(Unrecorded):
            await session.commit()


async def test_the_log_gives_a_later_offset_only_after_every_lower_one(mitra: Mitra, settings: object) -> None:
    bus = mitra.workers["demo"].relay._bus
    tenant_id, slow, fast = uuid4(), uuid4(), uuid4()
    blocker = await asyncpg.connect(plain_url(mitra.settings.database("bus")))
    transaction = blocker.transaction()
    await transaction.start()
    head = await blocker.fetchval("UPDATE bus_head SET next_offset = next_offset + 1 WHERE topic = 'crm.demo' RETURNING next_offset")
    message = used(tenant_id, slow, 1)
    await blocker.execute(
        'INSERT INTO bus_record (topic, partition, "offset", event) VALUES ($1, 0, $2, $3)', "crm.demo", head - 1, message.event
    )
    later = asyncio.create_task(bus.publish([used(tenant_id, fast, 1)]))
    await asyncio.sleep(0.05)
    assert not later.done()
    assert await bus.read({("crm.demo", 0): 0}, wait_seconds=0.0) == []
    await transaction.commit()
    await later
    await blocker.close()
    read = await bus.read({("crm.demo", 0): 0}, wait_seconds=1.0)
    assert [record.offset for record in read] == [0, 1]
    assert [Envelope.from_json(r.event).subject for r in read] == [f"thing/{slow}", f"thing/{fast}"]


async def test_four_one_two_three_is_handled_as_one_two_three_four(mitra: Mitra) -> None:
    tenant_id, thing_id = await mitra.new_tenant(), uuid4()
    for sequence in (4, 1, 2):
        await publish(mitra, used(tenant_id, thing_id, sequence))
        await mitra.drain()
    assert await handled(mitra, tenant_id, thing_id) == [1, 2]
    await publish(mitra, used(tenant_id, thing_id, 3))
    await mitra.drain()
    assert await handled(mitra, tenant_id, thing_id) == [1, 2, 3, 4]
    async with mitra.session("demo", None) as session:
        assert await list_parked(session) == []


@hypothesis_settings(max_examples=40)
@given(data=st.data())
async def test_any_shuffle_with_repeats_is_handled_once_and_in_order(running_mitra: Mitra, data: st.DataObject) -> None:
    """Law: whatever order and however often the events of subjects are published, in whatever batches, each subject's handlers see
    1, 2, … n once each.
    """
    mitra = running_mitra
    tenant_id = uuid4()
    sizes = {uuid4(): data.draw(st.integers(1, 6)) for _ in range(data.draw(st.integers(1, 3)))}
    events = [used(tenant_id, thing_id, n) for thing_id, size in sizes.items() for n in range(1, size + 1)]
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=6))
    shuffled = data.draw(st.permutations(events + repeats))
    bus = mitra.workers["demo"].relay._bus
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        await bus.publish(shuffled[:size])
        shuffled = shuffled[size:]
        if data.draw(st.booleans()):
            await mitra.drain()
    await mitra.drain()
    for thing_id, size in sizes.items():
        assert await handled(mitra, tenant_id, thing_id) == list(range(1, size + 1))


async def test_a_poison_subject_is_parked_and_the_others_go_on(mitra: Mitra) -> None:
    tenant_id, sick, well = await mitra.new_tenant(), uuid4(), uuid4()
    bus = mitra.workers["demo"].relay._bus
    await bus.publish([used(tenant_id, well, 1), used(tenant_id, sick, 1, label="poison"), used(tenant_id, well, 2)])
    await bus.publish([used(tenant_id, sick, 2), used(tenant_id, well, 3)])
    await mitra.drain()
    assert await handled(mitra, tenant_id, well) == [1, 2, 3]
    assert await handled(mitra, tenant_id, sick) == []
    async with mitra.session("demo", None) as session:
        parked = await list_parked(session)
        assert [(row.sequence, row.reason, row.error) for row in parked] == [(1, "failed", "ValueError"), (2, "failed", None)]


async def test_a_released_subject_is_applied_in_order_and_goes_on_by_itself(mitra: Mitra) -> None:
    tenant_id, sick = await mitra.new_tenant(), uuid4()
    await publish(mitra, used(tenant_id, sick, 1, label="poison"), used(tenant_id, sick, 2), used(tenant_id, sick, 4))
    await mitra.drain()
    async with mitra.session("demo", None) as session:
        await session.execute(text("UPDATE parked SET event = replace(event, 'poison', 'lamp')"))
        await session.commit()
    assert await mitra.workers["demo"].consumer.release(f"thing/{sick}") == 2
    await publish(mitra, used(tenant_id, sick, 3))
    await mitra.drain()
    assert await handled(mitra, tenant_id, sick) == [1, 2, 3, 4]
    async with mitra.session("demo", None) as session:
        assert (await session.scalars(select(Parked))).all() == []


async def test_an_undecodable_record_goes_to_the_dead_letter_topic(mitra: Mitra) -> None:
    tenant_id, thing_id = await mitra.new_tenant(), uuid4()
    await publish(mitra, Message("crm.demo", "k", "not json"), used(tenant_id, thing_id, 1))
    await mitra.drain()
    dead = await mitra.workers["demo"].relay._bus.read({("crm.demo.dead", 0): 0}, wait_seconds=0.0)
    assert {record.event for record in dead} == {"not json"}
    assert await handled(mitra, tenant_id, thing_id) == [1]


async def test_of_two_consumers_on_one_partition_one_applies_and_the_other_lets_go(mitra: Mitra) -> None:
    tenant_id, thing_id = await mitra.new_tenant(), uuid4()
    manifest = next(m for m in mitra.manifests if m.name == "demo")
    worker = mitra.workers["demo"]
    rival = Consumer("demo", worker.database, worker.relay._bus, topics=manifest.consumes, handlers=manifest.handlers)
    sequences = list(range(1, 60))
    random.Random(7).shuffle(sequences)
    await publish(mitra, *(used(tenant_id, thing_id, n) for n in sequences))

    async def consume(consumer: Consumer) -> None:
        from services.positions import PartitionLost

        for _ in range(30):
            try:
                await consumer.step(wait_seconds=0.0)
            except PartitionLost:
                consumer.forget_positions()

    await asyncio.gather(consume(worker.consumer), consume(rival))
    assert await handled(mitra, tenant_id, thing_id) == list(range(1, 60))


async def test_an_event_above_256_kib_is_refused_and_nothing_is_written(mitra: Mitra) -> None:
    from demo_svc.events import ThingState, ThingUsed

    from services.clock import utc_now
    from services.contracts import ExternalId
    from services.errors import TooLarge
    from services.outbox import record_many

    tenant_id, at = await mitra.new_tenant(), utc_now()
    many = [ExternalId(source="shop", id="x" * 100) for _ in range(3000)]
    state = ThingState(id=uuid4(), created_at=at, label="lamp", amount_minor=0, status="used", external_ids=many)
    async with mitra.session("demo", tenant_id) as session:
        with pytest.raises(TooLarge):
            await record_many(session, [(Written(state.id, 1, "k", at), ThingUsed(state=state, by_amount_minor=1), None)])
        await session.rollback()
        assert (await session.scalars(select(Outbox))).all() == []


def test_the_contracts_of_every_service_carry_no_free_text(mitra: Mitra) -> None:
    from services.contracts import free_text_fields

    found = {c.type: free_text_fields(c) for m in mitra.manifests for c in m.contracts}
    assert {type_: fields for type_, fields in found.items() if fields} == {}


def test_a_planted_free_text_field_is_found() -> None:
    from services.contracts import Contract, State, free_text_fields

    class Planted(State):
        note: str
        nested: list[dict[str, str]] = []

    class Outer(Contract):
        inner: Planted | None

    assert free_text_fields(Outer) == ["inner.note", "inner.nested", "inner.nested"]
    assert Event.type == ""


async def test_two_tenants_with_one_subject_do_not_stand_in_each_others_way(mitra: Mitra) -> None:
    """A subject's id may be an id that the caller chose (a customer is the contact of an order), so it may stand in two tenants."""
    ours, theirs, thing_id = await mitra.new_tenant(), await mitra.new_tenant(), uuid4()
    worker = mitra.workers["demo"]
    consumer = Consumer("apart", worker.database, worker.relay._bus, topics=["crm.demo"], handlers={})
    await publish(mitra, used(theirs, thing_id, 1), used(theirs, thing_id, 3), used(ours, thing_id, 2))
    await consumer.step(wait_seconds=0.0)
    async with mitra.session("demo", None) as session:
        assert {(row.tenant_id, row.sequence) for row in await list_parked(session)} == {(theirs, 3), (ours, 2)}
    await publish(mitra, used(ours, thing_id, 1))
    await consumer.step(wait_seconds=0.0)
    async with mitra.session("demo", None) as session:
        assert {(row.tenant_id, row.sequence) for row in await list_parked(session)} == {(theirs, 3)}
        applied = await session.execute(text("SELECT tenant_id, sequence FROM applied ORDER BY sequence"))
        assert applied.all() == [(theirs, 1), (ours, 2)]
