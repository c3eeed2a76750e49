"""The bus in Apache Kafka. This is the one module that knows the client library, and where its errors become the bus's own."""

import asyncio
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services.bus import BusUnavailable, Message, OutOfRange, Place, Received, TopicsDiffer, UnknownTopic, Unpublishable
from services.bus.cloudevents import from_record, to_record
from services.bus.topics import Cluster, Topic, differences
from services.cancellation import let_go_if_cancelled
from services.failpoints import reach

log = structlog.get_logger()

SESSION_SECONDS = 6
COMMIT_SECONDS = 5.0
FETCH_SECONDS = 10.0
LOOK_SECONDS = 0.5
SETTLE_SECONDS = 20.0
STOP_SECONDS = 5.0
MOST_HELD = 5_000
NEVER = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
EXISTS = errors.TopicAlreadyExistsError.errno


class KafkaBus:
    """The log. One idempotent producer whose every record all replicas in sync have acknowledged; where it fails it is dropped with
    all that it still held, and the relay reads its outbox again: what was published twice or late, consumers set right by sequence.
    """

    def __init__(self, url: str, *, member: str = "") -> None:
        self._cluster = Cluster.at(url)
        self._member = member or None
        self.usual_partitions = self._cluster.partitions
        self._partitions: dict[str, int] = {}
        self._producer: AIOKafkaProducer | None = None
        self._producing = asyncio.Lock()
        self._looker: KafkaReader | None = None

    async def start(self) -> None:
        """Connect, and learn the topics."""
        with _bus_errors():
            consumer = AIOKafkaConsumer(**_reading(self._cluster))
            self._looker = KafkaReader(consumer)
            await consumer.start()
            await self._learn_topics()

    async def close(self) -> None:
        """Give the connections back, once what is being published is there."""
        await self._drop_producer()
        if self._looker is not None:
            await self._looker.close()

    async def create_topics(self, topics: Sequence[str], *, partitions: int = 1) -> None:
        """Create what is missing of `topics`; a topic that is there keeps its partitions, and so every key its place."""
        missing = sorted(set(topics) - (await self._learn_topics()).keys())
        if missing:
            async with _Admin(self._cluster) as admin:
                await _create(admin, self._cluster, missing, partitions)
        async with asyncio.timeout(SETTLE_SECONDS):
            while not set(topics) <= (await self._learn_topics()).keys():  # noqa: ASYNC110 - the brokers tell one another, nobody tells us
                await asyncio.sleep(0.05)

    async def check_topics(self, topics: Sequence[str]) -> None:
        """Raises TopicsDiffer unless `topics` are there and made as they must be."""
        async with _Admin(self._cluster) as admin:
            found = await _describe(admin, sorted(set(topics)))
        wrong = [phrase for name in sorted(set(topics)) for phrase in differences(self._cluster, name, found.get(name))]
        if wrong:
            raise TopicsDiffer(f"the topics at {self._cluster.brokers} are not as `mitra migrate` makes them: {'; '.join(wrong)}")

    async def publish(self, messages: Sequence[Message]) -> None:
        """Append `messages` in their order per key; when it returns, all replicas in sync have them. (See `Bus.publish`.)"""
        reach("publish.before_append")
        partitions = [await self._partition_of(message) for message in messages]
        with _bus_errors():
            producer = await self._started_producer()
            try:
                sent = [await _send(producer, message, partition) for message, partition in zip(messages, partitions, strict=True)]
                reach("publish.before_commit")
                await _acknowledged(sent)
            except errors.KafkaError:
                await self._drop_producer(producer)
                raise
        reach("publish.after_append")

    async def heads(self, topics: Sequence[str]) -> dict[Place, int]:
        """The next offset to be written of each partition of `topics`."""
        known = await self._counts(topics)
        return await self._looking().heads((topic, partition) for topic in topics for partition in range(known.get(topic, 0)))

    async def read(self, positions: Mapping[Place, int], *, limit: int = 500, wait_seconds: float = 1.0) -> list[Received]:
        """Read whoever owns the partitions. (See `Bus.read`.)"""
        known = await self._counts([topic for topic, _ in positions])
        there = {place: offset for place, offset in positions.items() if place[1] < known.get(place[0], 0)}
        self._looking().assign(there)
        return await self._looking().read(there, limit=limit, wait_seconds=wait_seconds)

    async def join(self, consumer: str, topics: Sequence[str]) -> "KafkaReader":
        """Become a member of the group that shares `topics`; returns with the first partitions that the group gives us.

        Under a name of its own it is the member of before, which the group neither waits for nor shares anew (decision 0022).
        """
        member = AIOKafkaConsumer(**_reading(self._cluster), group_id=f"mitra.{consumer}", group_instance_id=self._member)
        reader = KafkaReader(member, grouped=True)
        member.subscribe(list(topics), listener=_Rebalance(reader))
        with _bus_errors():
            try:
                await member.start()
            except BaseException:
                await member.stop()
                raise
        return reader

    async def _partition_of(self, message: Message) -> int:
        count = (await self._counts([message.topic])).get(message.topic)
        if count is None:
            raise UnknownTopic(f"the bus has no topic {message.topic}; run `mitra migrate`")
        return zlib.crc32(message.key.encode()) % count

    async def _counts(self, topics: Sequence[str]) -> dict[str, int]:
        if not self._partitions.keys() >= set(topics):
            await self._learn_topics()
        return self._partitions

    async def _learn_topics(self) -> dict[str, int]:
        self._looking()
        async with _Admin(self._cluster) as admin:
            self._partitions = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
        return self._partitions

    def _looking(self) -> "KafkaReader":
        if self._looker is None:
            raise RuntimeError("the bus was not started")
        return self._looker

    async def _started_producer(self) -> AIOKafkaProducer:
        async with self._producing:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._cluster.brokers,
                    client_id="mitra",
                    acks="all",
                    enable_idempotence=True,
                    compression_type="zstd",
                    max_batch_size=256 * 1024,
                    request_timeout_ms=30_000,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _drop_producer(self, failed: AIOKafkaProducer | None = None) -> None:
        async with self._producing:
            producer = self._producer
            if producer is not None and failed in (None, producer):
                self._producer = None
                with suppress(TimeoutError):  # what it still holds is in the outbox
                    await asyncio.wait_for(producer.stop(), STOP_SECONDS)


class KafkaReader:
    """Reads the partitions that a group (or the caller of `assign`) gives it, always from the position that it is told.

    `_held` are records that were fetched and not yet handed out, `_fetched` the offset after the last of them: a position that does not
    follow on what was handed out before is sought anew, and the client's own idea of a position is never used.
    """

    def __init__(self, consumer: AIOKafkaConsumer, *, grouped: bool = False) -> None:
        self._consumer = consumer
        self._grouped = grouped
        self._held: dict[TopicPartition, list[Any]] = {}
        self._fetched: dict[TopicPartition, int] = {}
        self._moved = asyncio.Event()
        self._commit_at = 0.0

    def assign(self, places: Mapping[Place, int]) -> None:
        """Read these partitions, without a group."""
        wanted = {TopicPartition(*place) for place in places}
        if wanted != self._consumer.assignment():
            self.forget()
            self._consumer.assign(list(wanted))

    def forget(self) -> None:
        """The partitions change hands: what was fetched ahead of their new owners is worth nothing."""
        self._held.clear()
        self._fetched.clear()
        self._moved.set()

    async def owned(self) -> frozenset[Place]:
        """The partitions of this process just now."""
        return frozenset((each.topic, each.partition) for each in self._consumer.assignment())

    async def heads(self, places: "Iterator[Place]") -> dict[Place, int]:
        """The next offset to be written of each of `places`."""
        with _bus_errors():
            found = await self._consumer.end_offsets([TopicPartition(*place) for place in places])
        return {(each.topic, each.partition): offset for each, offset in found.items()}

    async def read(self, positions: Mapping[Place, int], *, limit: int = 500, wait_seconds: float = 1.0) -> list[Received]:
        """As `Bus.read`, of owned partitions; nothing as soon as they change hands. Raises BusUnavailable and OutOfRange."""
        wanted = {TopicPartition(*place): offset for place, offset in positions.items()}
        with _bus_errors():
            if not wanted:
                await self._await_partitions(wait_seconds)
                return []
            self._drop_what_does_not_follow(wanted)
            if not self._held:
                await self._fetch(wanted, wait_seconds)
            await self._commit(wanted)
        return self._hand_out(wanted, limit)

    async def close(self) -> None:
        """Leave the group, so that others have the partitions at once; a member with a name stays in it, to come back."""
        try:
            await self._consumer.stop()
        except asyncio.CancelledError:  # of a fetch that it cancelled itself and waited for; what it did not come to is left to us
            let_go_if_cancelled()
            await self._consumer._client.close()

    async def _await_partitions(self, wait_seconds: float) -> None:
        if not self._grouped:
            return
        self._moved.clear()
        try:
            await asyncio.wait_for(self._moved.wait(), wait_seconds)
        except TimeoutError:
            return

    def _drop_what_does_not_follow(self, wanted: Mapping[TopicPartition, int]) -> None:
        for each in list(self._held):
            if self._held[each][0].offset != wanted.get(each):
                del self._held[each]
                del self._fetched[each]

    async def _fetch(self, wanted: Mapping[TopicPartition, int], wait_seconds: float) -> None:
        """Fetch until something is held, the time is over or the partitions change hands. What is there already is waited for longer."""
        now = asyncio.get_running_loop().time
        heads = await self._consumer.end_offsets(list(wanted))
        is_behind = any(heads[each] > offset for each, offset in wanted.items())
        until = now() + (max(wait_seconds, FETCH_SECONDS) if is_behind else wait_seconds)
        while not self._held and wanted.keys() <= self._consumer.assignment() and (left := until - now()) > 0:
            self._seek(wanted)
            try:
                patience = min(left, LOOK_SECONDS)
                fetched = await self._consumer.getmany(*wanted, timeout_ms=int(patience * 1000) + 1, max_records=MOST_HELD)
            except errors.NoOffsetForPartitionError:  # the client looked for a position before we told it ours
                self._fetched.clear()
                continue
            self._keep(fetched, wanted)

    def _seek(self, wanted: Mapping[TopicPartition, int]) -> None:
        for each, offset in wanted.items():
            if self._fetched.get(each) != offset:
                self._consumer.seek(each, offset)
                self._fetched[each] = offset

    def _keep(self, fetched: Mapping[TopicPartition, list[Any]], wanted: Mapping[TopicPartition, int]) -> None:
        for each, records in fetched.items():
            if each in wanted and records[0].offset == self._fetched.get(each):
                self._held[each] = records
                self._fetched[each] = records[-1].offset + 1
            else:  # fetched from where the client stood before the last seek
                self._fetched.pop(each, None)

    def _hand_out(self, wanted: Mapping[TopicPartition, int], limit: int) -> list[Received]:
        if not self._held:
            return []
        each = max(self._held, key=lambda each: (self._consumer.highwater(each) or 0) - wanted[each])
        records = self._held.pop(each)
        if records[limit:]:
            self._held[each] = records[limit:]
        return [Received(each.topic, each.partition, one.offset, from_record(one.headers, one.value)) for one in records[:limit]]

    async def _commit(self, wanted: Mapping[TopicPartition, int]) -> None:
        """Tell the group's other observers how far we are; nobody here ever reads it."""
        now = asyncio.get_running_loop().time()
        if self._grouped and now >= self._commit_at:
            self._commit_at = now + COMMIT_SECONDS
            try:
                ours = {each: offset for each, offset in wanted.items() if each in self._consumer.assignment()}
                await asyncio.wait_for(self._consumer.commit(ours), LOOK_SECONDS)
            except (errors.KafkaError, TimeoutError) as error:
                log.info("commit_failed", error_type=type(error).__name__)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, reader: KafkaReader) -> None:
        self._reader = reader

    def on_partitions_revoked(self, revoked: object) -> None:
        self._reader.forget()

    def on_partitions_assigned(self, assigned: object) -> None:
        self._reader.forget()


class _Admin:
    """An administrator's connection for one look."""

    def __init__(self, cluster: Cluster) -> None:
        self._client = AIOKafkaAdminClient(bootstrap_servers=cluster.brokers)

    async def __aenter__(self) -> AIOKafkaAdminClient:
        with _bus_errors():
            await self._client.start()
        return self._client

    async def __aexit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        await self._client.close()
        if isinstance(error, errors.KafkaError):
            with _bus_errors():
                raise error


async def _create(admin: AIOKafkaAdminClient, cluster: Cluster, topics: Sequence[str], partitions: int) -> None:
    wanted = [NewTopic(name, partitions, cluster.replicas, topic_configs=cluster.settings) for name in topics]
    for name, code, *_ in (await admin.create_topics(wanted)).topic_errors:
        if code not in (0, EXISTS):
            raise TopicsDiffer(f"{name} cannot be made on {cluster.brokers}: {errors.for_code(code).__name__}")


async def _describe(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, Topic]:
    described = {each["topic"]: each["partitions"] for each in await admin.describe_topics(list(topics)) if each["error_code"] == 0}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in described])
    resources = [resource for answer in answers for resource in answer.resources if resource[0] == 0]
    settings = {resource[3]: {entry[0]: entry[1] for entry in resource[4]} for resource in resources}
    return {
        name: Topic(len(partitions), frozenset(len(each["replicas"]) for each in partitions), settings.get(name, {}))
        for name, partitions in described.items()
    }


async def _send(producer: AIOKafkaProducer, message: Message, partition: int) -> "asyncio.Future[Any]":
    headers, body = to_record(message.event)
    sent: asyncio.Future[Any] = await producer.send(message.topic, body, key=message.key.encode(), partition=partition, headers=headers)
    return sent


async def _acknowledged(sent: "Sequence[asyncio.Future[Any]]") -> None:
    """Return when all are acknowledged; where one is not, once the fate of all is known. Raises the first failure."""
    for outcome in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _reading(cluster: Cluster) -> dict[str, Any]:
    return {
        "bootstrap_servers": cluster.brokers,
        "client_id": "mitra",
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "session_timeout_ms": SESSION_SECONDS * 1000,
        "heartbeat_interval_ms": SESSION_SECONDS * 250,
        "max_partition_fetch_bytes": 256 * 1024,
        "fetch_max_bytes": 4 * 1024 * 1024,
    }


@contextmanager
def _bus_errors() -> Iterator[None]:
    """The client's errors as the bus's own, and so the end of one of its tasks where it lets that through."""
    try:
        yield
    except asyncio.CancelledError as error:
        let_go_if_cancelled()
        raise BusUnavailable("the client broke off") from error
    except errors.OffsetOutOfRangeError as error:
        raise OutOfRange(f"the log no longer holds, or does not yet hold, {_places(error)}") from error
    except NEVER as error:
        raise Unpublishable("the event is larger than the brokers take") from error
    except (errors.KafkaError, errors.ConsumerStoppedError) as error:
        raise BusUnavailable(type(error).__name__) from error


def _places(error: Exception) -> str:
    found: Mapping[TopicPartition, int] = error.args[0] if error.args else {}
    return ", ".join(f"{each.topic}/{each.partition}@{offset}" for each, offset in found.items())
