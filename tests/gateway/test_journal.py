"""The journal: every event of every service once, without gaps, in one order per tenant."""

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest
from demo_svc.events import ThingCreated, ThingState
from sqlalchemy import select

from gateway.consumers import HANDLERS
from gateway.journal.models import JournalEntry, JournalHead
from gateway.journal.operations import on_event
from gateway.journal.rules import Position, read_position, read_types
from services.bus import Message
from services.consumer import Consumer
from services.database import Context
from services.deliveries import Delivery
from services.errors import Gone, Invalid
from services.identifiers import new_id
from services.manifests import consumed_topics, get_manifest
from services.outbox import Written, envelope_of
from services.settings import plain_url
from tests.gateway.conftest import Door
from tests.gateway.make import make_key
from tests.harness import Mitra


def thing_event(mitra: Mitra, tenant_id: UUID, thing_id: UUID, sequence: int) -> Delivery:
    """The event of a version of a thing, as the demo service would publish it."""
    at = mitra.clock()
    state = ThingState(id=thing_id, created_at=at, label="lamp", amount_minor=sequence, status="new")
    written = Written(thing_id, sequence, f"{tenant_id}:{thing_id}", at)
    envelope = envelope_of(written, ThingCreated(state=state), Context(tenant_id, "system:test", "c"))
    return Delivery.decode(envelope.to_json().decode())


async def journaled(mitra: Mitra, tenant_id: UUID) -> Sequence[tuple[int, str, int]]:
    """(seq, subject, sequence) of a tenant's journal in its order."""
    async with mitra.session("gateway", tenant_id) as session:
        rows = await session.execute(select(JournalEntry.seq, JournalEntry.subject, JournalEntry.sequence).order_by(JournalEntry.seq))
        return [(seq, subject, sequence) for seq, subject, sequence in rows]


async def test_events_of_every_service_are_journaled_also_of_one_that_the_gateway_has_never_heard_of(near_door: Door) -> None:
    company = await near_door.company()
    client = near_door.client(company.token)
    thing = (await client.post("/v1/things", json={"label": "lamp"})).json()
    await near_door.mitra.drain()
    page = (await client.get("/v1/events")).json()
    types = [event["type"] for event in page["items"]]
    assert types[:3] == ["platform.tenant.created.v1", "platform.user.invited.v1", "platform.key.created.v1"]
    assert types[3:] == ["demo.thing.created.v1"]
    assert [event["seq"] for event in page["items"]] == [1, 2, 3, 4]
    last = page["items"][-1]
    assert (last["specversion"], last["subject"], last["tenantid"]) == ("1.0", f"thing/{thing['id']}", str(company.tenant_id))
    assert (last["data"]["state"]["label"], last["actor"], last["sequence"]) == ("lamp", f"key:{company.key_id}", 1)
    assert (page["next_cursor"], page["position"]) == (None, "g1-4")


def test_the_gateway_reads_what_any_service_publishes(mitra: Mitra) -> None:
    gateway = get_manifest("gateway", mitra.settings.services_path)
    topics = consumed_topics(gateway, mitra.manifests)
    assert set(topics) == {topic for manifest in mitra.manifests for topic in manifest.topics}
    assert {"crm.demo", "crm.platform"} <= set(topics)
    assert consumed_topics(get_manifest("demo", mitra.settings.services_path), mitra.manifests) == ("crm.demo",)


async def test_a_repeat_is_journaled_once_even_when_the_consumer_has_forgotten_everything(mitra: Mitra) -> None:
    tenant_id, thing_id = await mitra.new_tenant(), new_id()
    deliveries = [thing_event(mitra, tenant_id, thing_id, sequence) for sequence in (1, 2, 3)]
    for group in (deliveries[:2], deliveries):
        async with mitra.session("gateway", tenant_id) as session:
            await on_event(session, group)
            await session.commit()
    assert [(seq, sequence) for seq, _, sequence in await journaled(mitra, tenant_id)] == [(1, 1), (2, 2), (3, 3)]


async def test_a_journal_has_no_gaps_whatever_is_rolled_back(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    for number in range(6):
        async with mitra.session("gateway", tenant_id) as session:
            await on_event(session, [thing_event(mitra, tenant_id, new_id(), 1) for _ in range(number + 1)])
            if number % 2 == 0:
                await session.commit()
    assert [seq for seq, _, _ in await journaled(mitra, tenant_id)] == list(range(1, 10))


async def test_writers_at_once_leave_no_gap_and_a_reader_sees_no_number_before_a_lower_one(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    seen: list[int] = []
    done = asyncio.Event()

    async def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(10):
            async with mitra.session("gateway", tenant_id) as session:
                await on_event(session, [thing_event(mitra, tenant_id, new_id(), 1) for _ in range(chance.randint(1, 5))])
                if chance.random() < 0.8:
                    await session.commit()

    async def read() -> None:
        while not done.is_set():
            found = [seq for seq, _, _ in await journaled(mitra, tenant_id)]
            assert found == list(range(1, len(found) + 1))
            seen.append(len(found))

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(seed) for seed in range(4)))
    done.set()
    await reading
    found = [seq for seq, _, _ in await journaled(mitra, tenant_id)]
    assert found == list(range(1, len(found) + 1))
    assert (len(found) > 60, len(set(seen)) > 3) == (True, True)


async def test_shuffled_and_doubled_deliveries_end_in_the_same_journal_per_subject(mitra: Mitra) -> None:
    tenants = [await mitra.new_tenant() for _ in range(2)]
    things = [new_id() for _ in range(4)]
    messages = []
    for number, thing_id in enumerate(things):
        for sequence in range(1, 6):
            delivery = thing_event(mitra, tenants[number % 2], thing_id, sequence)
            messages += [Message("crm.demo", delivery.envelope.partition_key, delivery.raw)] * 2
    random.Random(7).shuffle(messages)
    await mitra.workers["gateway"].consumer._bus.publish(messages)
    await mitra.drain()
    for number, tenant_id in enumerate(tenants):
        entries = await journaled(mitra, tenant_id)
        assert [seq for seq, _, _ in entries] == list(range(1, 11))
        for thing_id in things[number::2]:
            assert [sequence for _, subject, sequence in entries if subject == f"thing/{thing_id}"] == [1, 2, 3, 4, 5]


async def test_a_journal_read_from_the_log_again_is_the_journal(mitra: Mitra) -> None:
    """Replay equals live: the entries of a second reading into an empty journal are the same per subject, and as many."""
    tenant_id = await mitra.new_tenant()
    messages = [thing_event(mitra, tenant_id, thing_id, sequence) for thing_id in (new_id(), new_id()) for sequence in (1, 2)]
    bus = mitra.workers["gateway"].consumer._bus
    await bus.publish([Message("crm.demo", each.envelope.partition_key, each.raw) for each in messages])
    await mitra.drain()
    live = await journaled(mitra, tenant_id)
    connection = await asyncpg.connect(plain_url(mitra.settings.owner_database("gateway")))
    await connection.execute("TRUNCATE journal_entry, journal_head")
    await connection.close()
    again = Consumer("again", mitra.databases["gateway"], bus, topics=["crm.demo"], handlers=HANDLERS)
    while await again.step(wait_seconds=0.0):
        pass
    assert await journaled(mitra, tenant_id) == live


async def many_things(door: Door, token: str, count: int) -> None:
    operations = [{"op": "create", "data": {"label": f"thing {number}"}} for number in range(count)]
    assert (await door.client(token).post("/v1/things/batch", json={"operations": operations})).status_code == 200
    await door.mitra.drain()


async def test_events_are_paged_in_their_order_and_found_by_type_and_subject(near_door: Door) -> None:
    company = await near_door.company()
    client = near_door.client(company.token)
    await many_things(near_door, company.token, 30)
    seen: list[int] = []
    after = ""
    while True:
        page = (await client.get("/v1/events", params={"page_size": 7} | ({"after": after} if after else {}))).json()
        seen += [event["seq"] for event in page["items"]]
        after = page["next_cursor"]
        if after is None:
            break
    assert seen == list(range(1, 34))
    assert page["position"] == "g1-33"

    async def found(**query: str) -> list[str]:
        answer = await client.get("/v1/events", params={"page_size": 200, **query})
        assert answer.status_code == 200, answer.text
        return [event["type"] for event in answer.json()["items"]]

    assert await found(types="platform.key.created.v1") == ["platform.key.created.v1"]
    assert await found(types="platform.user.*, platform.tenant.*") == ["platform.tenant.created.v1", "platform.user.invited.v1"]
    assert len(await found(types="demo.*")) == 30
    assert len(await found(types="*")) == 33
    assert await found(types="platform_key.*") == []
    assert await found(subject=f"user/{company.user_id}") == ["platform.user.invited.v1"]
    assert await found(subject=f"user/{company.user_id}", types="demo.*") == []
    assert await found(after="g1-33") == []
    assert len(await found(after="30")) == 3


async def test_latest_names_the_end_of_the_journal(near_door: Door) -> None:
    company = await near_door.company()
    client = near_door.client(company.token)
    assert (await client.get("/v1/events/latest")).json() == {"seq": 3, "position": "g1-3"}
    stranger = near_door.mitra.client("gateway", near_door.mitra.caller(await near_door.mitra.new_tenant()))
    assert (await stranger.get("/v1/events/latest")).json() == {"seq": 0, "position": "g1-0"}
    assert (await stranger.get("/v1/events")).json() == {"items": [], "next_cursor": None, "position": "g1-0"}


@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "g1"}, {"types": "Order!"}, {"types": "a.*.b"}, {"subject": "x"}, {"page_size": "0"}]
)
async def test_a_question_to_the_journal_that_makes_no_sense_is_refused(near_door: Door, query: dict[str, str]) -> None:
    company = await near_door.company()
    refused = await near_door.client(company.token).get("/v1/events", params=query)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"#query/{next(iter(query))}")


async def test_a_position_of_another_generation_or_beyond_the_end_is_gone(near_door: Door) -> None:
    company = await near_door.company()
    client = near_door.client(company.token)
    for path in ("/v1/events?after=g2-1", "/v1/events?after=g1-99", "/v1/events/stream?after=g1-99"):
        gone = await client.get(path)
        assert (gone.status_code, gone.json()["code"]) == (410, "position_gone"), path
    async with near_door.mitra.session("gateway", company.tenant_id) as session:
        head = (await session.scalars(select(JournalHead))).one()
        head.generation = 2
        await session.flush()
        await session.commit()
    assert (await client.get("/v1/events", params={"after": "g1-1"})).status_code == 410
    assert (await client.get("/v1/events/stream", headers={"Last-Event-ID": "g1-1"})).status_code == 410
    assert (await client.get("/v1/events", params={"after": "g2-1"})).json()["position"] == "g2-3"


async def test_a_journal_is_its_tenants_alone_and_needs_its_scope(near_door: Door) -> None:
    one, other = await near_door.company(), await near_door.company(name="Other")
    mine = near_door.client(one.token)
    await many_things(near_door, other.token, 3)
    tenants = {event["tenantid"] for event in (await mine.get("/v1/events", params={"page_size": 200})).json()["items"]}
    assert tenants == {str(one.tenant_id)}
    narrow = near_door.client((await make_key(mine, scopes=["things:read"]))["secret"])
    for path in ("/v1/events", "/v1/events/latest", "/v1/events/stream"):
        assert (await narrow.get(path)).status_code == 403


async def test_every_noun_of_every_service_has_a_history(door: Door) -> None:
    company = await door.company()
    client = door.client(company.token)
    thing = (await client.post("/v1/things", json={"label": "lamp", "secret": "owner-held"})).json()
    path = f"/v1/things/{thing['id']}"
    await client.patch(path, json={"label": "desk"}, headers={"If-Match": '"1"'})
    await client.post(f"{path}/use", json={"amount_minor": 5})
    await door.mitra.drain()
    history = (await client.get(f"{path}/history")).json()
    assert [(v["type"], v["version"], v["changed"]) for v in history["items"]] == [
        ("demo.thing.created.v1", 1, []),
        ("demo.thing.updated.v1", 2, ["label"]),
        ("demo.thing.used.v1", 3, ["amount_minor", "status"]),
    ]
    assert [v["state"]["label"] for v in history["items"]] == ["lamp", "desk", "desk"]
    assert {v["actor"] for v in history["items"]} == {f"key:{company.key_id}"}
    assert "owner-held" not in str(history)
    first = (await client.get(f"{path}/history", params={"page_size": 2})).json()
    rest = (await client.get(f"{path}/history", params={"page_size": 2, "cursor": first["next_cursor"]})).json()
    assert first["items"] + rest["items"] == history["items"]
    assert rest["next_cursor"] is None
    assert all("/history" not in path for path in door.recorders["demo"].paths)
    for own in (f"/v1/users/{company.user_id}", f"/v1/tenants/{company.tenant_id}", f"/v1/keys/{company.key_id}"):
        assert len((await client.get(f"{own}/history")).json()["items"]) == 1


async def test_a_history_needs_the_nouns_own_scope_and_ends_at_the_tenant(near_door: Door) -> None:
    one, other = await near_door.company(), await near_door.company(name="Other")
    mine = near_door.client(one.token)
    thing = (await mine.post("/v1/things", json={"label": "lamp"})).json()
    await near_door.mitra.drain()
    path = f"/v1/things/{thing['id']}/history"
    for scopes, status in ((["things:read"], 200), (["things:write"], 200), (["events:read"], 403), (["users:*"], 403)):
        holder = near_door.client((await make_key(mine, scopes=scopes))["secret"])
        assert (await holder.get(path)).status_code == status, scopes
    assert (await near_door.client(other.token).get(path)).status_code == 404
    assert (await mine.get(f"/v1/things/{uuid4()}/history")).status_code == 404
    assert (await mine.get(path, params={"cursor": "rubbish"})).status_code == 422
    assert (await mine.post(path)).status_code in (404, 405)


async def test_who_names_a_version_that_it_wrote_reads_it(near_door: Door) -> None:
    company = await near_door.company()
    client = near_door.client(company.token)
    made = await client.post("/v1/things", json={"label": "lamp"})
    path, written = f"/v1/things/{made.json()['id']}/history", {"Mitra-Version": made.headers["mitra-version"]}
    assert (await client.get(path)).status_code == 404
    reading = asyncio.gather(*(client.get(each, headers=written) for each in (path, "/v1/events", "/v1/events/latest")))
    await near_door.mitra.drain()
    history, events, latest = await reading
    assert (history.json()["items"][0]["version"], events.json()["position"], latest.json()["seq"]) == (1, "g1-4", 4)


def test_positions_are_read_back_as_they_were_written() -> None:
    head = Position(3, 120)
    assert read_position(str(head), head, "#") == 120
    assert read_position("7", head, "#") == 7
    for wrong in ("g2-7", "g3-121", "121"):
        with pytest.raises(Gone):
            read_position(wrong, head, "#")
    for rubbish in ("", "g3", "g3-", "-1", "g3-7 ", "g-7", "９"):
        with pytest.raises(Invalid):
            read_position(rubbish, head, "#")


def test_patterns_are_names_and_beginnings() -> None:
    found = read_types("pipeline.order.placed.v1, contacts.*")
    assert (found.names, found.beginnings) == (("pipeline.order.placed.v1",), ("contacts.",))
    assert read_types("a.b,*") == read_types("")
    with pytest.raises(Invalid):
        read_types(",".join(["a.b"] * 51))
