"""The bus as a durable log in PostgreSQL: an offset is visible only after every lower one of its partition is."""

import asyncio
import contextlib
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import asyncpg

from services.bus import Message, Place, Received, TopicsDiffer, UnknownTopic, Unpublishable
from services.failpoints import reach
from services.polling import Pauses

APPEND = """
INSERT INTO bus_record (topic, partition, "offset", event)
SELECT $1, $2, $3::bigint + place - 1, event FROM unnest($4::text[]) WITH ORDINALITY AS batch (event, place)
"""
CREATE = """
INSERT INTO bus_head (topic, partition, next_offset)
SELECT topic, partition, 0 FROM unnest($1::text[]) AS wanted (topic), generate_series(0, $2::bigint - 1) AS partition
WHERE NOT EXISTS (SELECT FROM bus_head WHERE bus_head.topic = wanted.topic)
"""
READ = """
SELECT topic, partition, "offset", event FROM bus_record
WHERE topic = $1 AND partition = $2 AND "offset" >= $3 ORDER BY "offset" LIMIT $4
"""
CLOSE_SECONDS = 5.0
LATER_SECONDS = 0.02
"""How long after the relays the log is looked at, so that what they have found is in it."""
MOST_LOOKS = 60
"""Looks that find nothing before those who wait are asked whether they still do."""


class PostgresBus:
    """The log. A writer locks the heads of its partitions in (topic, partition) order, draws their next offsets and inserts in the
    same transaction: until it commits nobody else can draw, so offsets have no gaps and none is seen before a lower one.
    """

    usual_partitions = 1

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._partitions: dict[str, int] = {}
        self._pauses = Pauses(later_seconds=LATER_SECONDS)
        self._look: asyncio.Task[dict[Place, int]] | None = None
        self._seen: dict[Place, int] = {}

    async def start(self) -> None:
        """Connect, and learn the topics."""
        self._pool = await asyncpg.create_pool(
            self._url, min_size=1, max_size=8, reset=_leave, server_settings={"application_name": "mitra bus", "jit": "off"}
        )
        await self._learn_topics()

    async def close(self) -> None:
        """Give the connections back; one that is still held after a while is cut, so that a process always ends."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._pool.close()

    async def create_topics(self, topics: Sequence[str], *, partitions: int = 1) -> None:
        """Create what is missing of `topics`; a topic that is there keeps its partitions, and so every key its place."""
        async with self._connected().acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(7109, 1)")
            await connection.execute(CREATE, sorted(set(topics)), partitions)
        await self._learn_topics()

    async def check_topics(self, topics: Sequence[str]) -> None:
        """Raises TopicsDiffer unless `topics` are there."""
        await self._learn_topics()
        missing = sorted(set(topics) - self._partitions.keys())
        if missing:
            raise TopicsDiffer(f"the bus has no topic {', '.join(missing)}; run `mitra migrate`")

    async def publish(self, messages: Sequence[Message]) -> None:
        """Append `messages` in their order per key, all or none; when it returns they are durable.

        Raises UnknownTopic and Unpublishable, and whatever a lost connection raises; then nothing was appended, or (when it broke
        during the commit) everything may have been: a caller that is not told repeats, and consumers drop the repeats.
        """
        reach("publish.before_append")
        try:
            await self._append(messages)
        except asyncpg.DataError as error:
            raise Unpublishable("PostgreSQL refuses a text of these") from error
        reach("publish.after_append")

    async def heads(self, topics: Sequence[str]) -> dict[Place, int]:
        """The next offset to be written of each partition of `topics`."""
        return {place: offset for place, offset in (await self._all_heads()).items() if place[0] in topics}

    async def read(self, positions: Mapping[Place, int], *, limit: int = 500, wait_seconds: float = 1.0) -> list[Received]:
        """Up to `limit` events of one partition from its position on, waiting up to `wait_seconds` for news.

        `positions` names the next offset wanted of each (topic, partition). The partition that is furthest behind is read first.
        """
        deadline = asyncio.get_running_loop().time() + wait_seconds
        heads = await self._all_heads()
        while True:
            lag, place = max(((heads.get(place, 0) - offset, place) for place, offset in positions.items()), default=(0, ("", 0)))
            if lag > 0:
                self._pauses.after(news=True)
                rows = await self._connected().fetch(READ, *place, positions[place], limit)
                return [Received(*row) for row in rows]
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return []
            heads = await self._next_heads(heads, left)

    async def join(self, consumer: str, topics: Sequence[str]) -> "PostgresReader":
        """Read all of `topics`: here the processes of a consumer do not share them out, they compete for each batch."""
        return PostgresReader(self, topics)

    async def _append(self, messages: Sequence[Message]) -> None:
        places: dict[Place, list[str]] = defaultdict(list)
        for message in messages:
            places[message.topic, await self._partition_of(message)].append(message.event)
        async with self._connected().acquire() as connection, connection.transaction():
            for (topic, partition), events in sorted(places.items()):
                head = await connection.fetchval(
                    "UPDATE bus_head SET next_offset = next_offset + $3 WHERE topic = $1 AND partition = $2 RETURNING next_offset",
                    topic,
                    partition,
                    len(events),
                )
                await connection.execute(APPEND, topic, partition, head - len(events), events)
            reach("publish.before_commit")

    async def _next_heads(self, known: dict[Place, int], within_seconds: float) -> dict[Place, int]:
        """All heads once they are others than the `known` ones, or after a while: whoever waits shares the looks, and is woken by news."""
        if self._look is None or self._look.done():
            self._seen = known
            self._look = asyncio.create_task(self._look_for_news(known))
        elif known != self._seen:
            return self._seen
        look = self._look
        await asyncio.wait({look}, timeout=within_seconds)
        return look.result() if look.done() else known

    async def _look_for_news(self, heads: dict[Place, int]) -> dict[Place, int]:
        for _ in range(MOST_LOOKS):
            await asyncio.sleep(self._pauses.after(news=False))
            found = await self._all_heads()
            if found != heads:
                return found
        return heads

    async def _all_heads(self) -> dict[Place, int]:
        rows = await self._connected().fetch("SELECT topic, partition, next_offset FROM bus_head")
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def _partition_of(self, message: Message) -> int:
        if message.topic not in self._partitions:
            await self._learn_topics()
        if message.topic not in self._partitions:
            raise UnknownTopic(f"the bus has no topic {message.topic}; run `mitra migrate`")
        return zlib.crc32(message.key.encode()) % self._partitions[message.topic]

    async def _learn_topics(self) -> None:
        rows = await self._connected().fetch("SELECT topic, count(*) AS partitions FROM bus_head GROUP BY topic")
        self._partitions = {row["topic"]: row["partitions"] for row in rows}

    def _connected(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            raise RuntimeError("the bus was not started")
        return self._pool


class PostgresReader:
    """Every process reads every partition; who commits a batch first has applied it, and the others learn it then."""

    def __init__(self, bus: PostgresBus, topics: Sequence[str]) -> None:
        self._bus = bus
        self._topics = topics
        self._places = frozenset[Place]()

    async def owned(self) -> frozenset[Place]:
        """All partitions."""
        if not self._places:
            self._places = frozenset(await self._bus.heads(self._topics))
        return self._places

    async def read(self, positions: Mapping[Place, int], *, limit: int = 500, wait_seconds: float = 1.0) -> list[Received]:
        """As `Bus.read`."""
        return await self._bus.read(positions, limit=limit, wait_seconds=wait_seconds)

    async def close(self) -> None:
        """Nothing was taken from others."""


async def _leave(_connection: object) -> None:
    """Nothing of a session is ever changed here, so a connection goes back as it is: a round trip less for every look at the log."""
