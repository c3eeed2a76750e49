"""The stream: nothing missed, nothing repeated, however often the connection breaks."""

import asyncio
import random
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from uuid import UUID

import aiohttp
import orjson
import pytest
from sqlalchemy import select

from gateway.journal.models import JournalHead
from gateway.journal.queries import Wanted
from gateway.journal.rules import Position, TypePatterns, read_types
from gateway.stream import sending
from gateway.stream.sending import Listener, send_events
from gateway.stream.tail import Tail
from services.database import Context
from tests.gateway.conftest import Door
from tests.gateway.make import Company, make_key
from tests.gateway.serving import serve


@dataclass
class Reader:
    """A client of server-sent events that keeps whole blocks only, as the standard says."""

    url: str
    token: str
    query: dict[str, str] = field(default_factory=dict)
    last_id: str | None = None
    events: list[dict[str, object]] = field(default_factory=list)
    connections: int = 0

    async def listen(self, *, most_bytes: int | None = None, most_events: int | None = None) -> None:
        """Read until the stream ends, `most_bytes` have come (then the connection is cut, wherever that is) or `most_events` are there."""
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Last-Event-ID": self.last_id} if self.last_id else {})
        rest, room = b"", most_bytes
        self.connections += 1
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as client,
            client.get(f"{self.url}/v1/events/stream", headers=headers, params=self.query) as answer,
        ):
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
            async for chunk in answer.content.iter_any():
                *blocks, rest = (rest + chunk[:room]).split(b"\n\n")
                for block in blocks:
                    self._take(block.decode())
                room = room - len(chunk) if room is not None else None
                if (room is not None and room <= 0) or len(self.events) == most_events:
                    return

    def _take(self, block: str) -> None:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        self.last_id = fields.get("id", self.last_id)
        if "data" in fields:
            event = orjson.loads(fields["data"])
            assert fields["event"] == event["type"]
            self.events.append({**event, "position": fields["id"]})

    def positions(self) -> list[str]:
        return [str(event["position"]) for event in self.events]


async def write_things(door: Door, company: Company, count: int, *, until: asyncio.Event | None = None) -> int:
    """Create `count` things in small batches and journal them as they come; then go on one by one until told to stop."""
    client, chance = door.client(company.token), random.Random(3)
    written = 0
    while written < count or (until is not None and not until.is_set()):
        size = chance.randint(1, 5)
        operations = [{"op": "create", "data": {"label": f"thing {written + number}"}} for number in range(size)]
        assert (await client.post("/v1/things/batch", json={"operations": operations})).status_code == 200
        await door.mitra.drain(jobs=False)
        written += size
    return written


async def test_a_connection_cut_a_hundred_times_misses_nothing_and_repeats_nothing(near_door: Door) -> None:
    company = await near_door.company()
    chance = random.Random(20_260_302)
    done = asyncio.Event()
    async with serve(near_door.front) as url, asyncio.TaskGroup() as group:
        reader = Reader(url, company.token, {"after": "0"})
        writing = group.create_task(write_things(near_door, company, 150, until=done))
        for _ in range(100):
            await reader.listen(most_bytes=chance.randint(1, 3_000))
        done.set()
        total = 3 + await writing
        while len(reader.events) < total:
            await reader.listen(most_bytes=chance.randint(1_000, 8_000), most_events=total)
    assert reader.connections > 100
    assert reader.positions() == [f"g1-{seq}" for seq in range(1, total + 1)]
    page = (await near_door.client(company.token).get("/v1/events", params={"page_size": 150})).json()["items"]
    assert [event["id"] for event in reader.events[:150]] == [event["id"] for event in page]


async def test_a_stream_begins_now_and_brings_what_happens(near_door: Door) -> None:
    company = await near_door.company()
    async with serve(near_door.front) as url:
        reader = Reader(url, company.token)
        listening = asyncio.create_task(reader.listen())
        while reader.last_id is None:
            await asyncio.sleep(0.01)
        assert (reader.last_id, reader.events) == ("g1-3", [])
        await write_things(near_door, company, 1)
        async with asyncio.timeout(10):
            while not reader.events:
                await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.wait([listening])
    assert (reader.positions()[0], reader.events[0]["type"]) == ("g1-4", "demo.thing.created.v1")


async def test_a_stream_brings_only_the_types_and_the_subject_that_are_wanted(near_door: Door) -> None:
    company = await near_door.company()
    await write_things(near_door, company, 5)
    for query, types in (
        ({"types": "platform.user.*,platform.key.created.v1"}, ["platform.user.invited.v1", "platform.key.created.v1"]),
        ({"subject": f"user/{company.user_id}"}, ["platform.user.invited.v1"]),
    ):
        blocks = await first_blocks(near_door, company, after=0, count=1 + len(types), **query)
        assert [orjson.loads(block.split("data: ")[1])["type"] for block in blocks[1:]] == types


async def first_blocks(door: Door, company: Company, *, after: int, count: int, types: str = "", subject: str | None = None) -> list[str]:
    """The first blocks of a stream, taken from where they are made."""
    events = open_stream(door, company, after=after, wanted=Wanted(read_types(types), subject))
    blocks: list[str] = []
    async for chunk in events:
        blocks += [block for block in chunk.decode().split("\n\n") if block]
        if len(blocks) >= count:
            break
    await events.aclose()
    return blocks


def open_stream(
    door: Door, company: Company, *, after: int, wanted: Wanted | None = None, heartbeat: float = 15.0, generation: int = 1
) -> AsyncGenerator[bytes, None]:
    context = Context(company.tenant_id, f"key:{company.key_id}", "test")
    listener = Listener(context, Position(generation, after), wanted or Wanted(TypePatterns()))
    database = door.mitra.databases["gateway"]
    return send_events(database, Tail(database), listener, clock=door.mitra.clock, heartbeat_seconds=heartbeat)


async def test_a_quiet_stream_gives_a_sign_of_life(near_door: Door) -> None:
    company = await near_door.company()
    events = open_stream(near_door, company, after=3, heartbeat=0.2)
    assert [await anext(events) for _ in range(3)] == [b"retry: 1000\nid: g1-3\n\n", b": still here\n\n", b": still here\n\n"]
    assert sending.HEARTBEAT_SECONDS == 15.0


async def test_a_stream_holds_no_connection_while_nothing_happens(near_door: Door) -> None:
    """Three times as many quiet streams as the pool has connections, and every request in between finds one."""
    company = await near_door.company()
    database = near_door.mitra.databases["gateway"]
    client = near_door.client(company.token)
    streams = [open_stream(near_door, company, after=3) for _ in range(30)]
    for stream in streams:
        await anext(stream)
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    async with asyncio.timeout(20):
        while database.engine.pool.checkedout() > 0:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
        for _ in range(5):
            assert (await client.get("/v1/users")).status_code == 200
        await write_things(near_door, company, 1)
        chunks = await asyncio.gather(*waiting)
    assert all(b"event: demo.thing.created.v1" in chunk for chunk in chunks)


async def test_a_stream_ends_when_its_key_is_revoked(near_door: Door) -> None:
    company = await near_door.company()
    mine = near_door.client(company.token)
    made = await make_key(mine, scopes=["events:read"])
    holder = Company(company.tenant_id, company.user_id, UUID(made["id"]), made["secret"])
    await near_door.mitra.drain()
    events = open_stream(near_door, holder, after=0, heartbeat=0.2)
    assert await anext(events)
    assert (await mine.post(f"/v1/keys/{made['id']}/revoke")).status_code == 200
    async with asyncio.timeout(10):
        rest = [chunk async for chunk in events]
    assert len(rest) < 10


async def test_a_stream_ends_when_the_journal_begins_anew(near_door: Door) -> None:
    company = await near_door.company()
    events = open_stream(near_door, company, after=3)
    await anext(events)
    async with near_door.mitra.session("gateway", company.tenant_id) as session:
        head = (await session.scalars(select(JournalHead))).one()
        head.generation = 2
        await session.flush()
        await session.commit()
    async with asyncio.timeout(10):
        assert [chunk async for chunk in events] == []


async def test_nobody_is_looked_after_when_everybody_has_left(near_door: Door) -> None:
    company = await near_door.company()
    state = near_door.mitra.apps["gateway"].state
    async with serve(near_door.front) as url:
        reader = Reader(url, company.token)
        listening = asyncio.create_task(reader.listen())
        while reader.last_id is None:
            await asyncio.sleep(0.01)
        assert list(state.tail._followed) == [company.tenant_id]
        listening.cancel()
        await asyncio.wait([listening])
        async with asyncio.timeout(5):
            while state.tail._followed:
                await asyncio.sleep(0.01)


async def test_a_stream_shows_its_own_tenant_only(near_door: Door) -> None:
    one, other = await near_door.company(), await near_door.company(name="Other")
    await write_things(near_door, other, 5)
    blocks = await first_blocks(near_door, one, after=0, count=4)
    assert {orjson.loads(block.split("data: ")[1])["tenantid"] for block in blocks[1:]} == {str(one.tenant_id)}
    assert len(blocks) == 4


@pytest.mark.parametrize("last_event_id", ["rubbish", "g1-x"])
async def test_a_resume_that_makes_no_sense_is_refused(near_door: Door, last_event_id: str) -> None:
    company = await near_door.company()
    refused = await near_door.client(company.token).get("/v1/events/stream", headers={"Last-Event-ID": last_event_id})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#header/Last-Event-ID")
