"""The consumer: applies each event of each subject exactly once and in order, whatever the bus repeats, delays or reorders.

The argument. One transaction moves the offset by compare-and-set, raises `applied` and runs the handlers: all of it happens or none.
Whoever loses the compare-and-set rolls back, so two processes never apply the same batch. Per subject, `applied` is the sequence
up to which handlers have run: at or below it is a repeat, one above is next, anything higher waits in `parked`.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import asyncpg
import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services import parking, positions
from services.bus import Bus, BusUnavailable, Message, OutOfRange, Place, Reader, Received
from services.cancellation import let_go_if_cancelled
from services.clock import Clock, utc_now
from services.database import Database
from services.deliveries import Delivery, Handlers, SubjectKey, handle
from services.envelope import UndecodableEvent
from services.failpoints import reach
from services.manifests import Manifest, consumed_topics
from services.positions import PartitionLost

log = structlog.get_logger()

BATCH = 500
TRIES = 3
LONGEST_PAUSE_SECONDS = 1.0
MOST_FAILED_SUBJECTS = 100
ALERT_AFTER_SECONDS = 60.0
TRANSIENT = ("08", "40", "53", "55", "57")


class TooManyParked(RuntimeError):
    """So many subjects fail that the handler, not the events, must be at fault; the consumer stops."""


@dataclass
class _Plan:
    """What is to be done with a batch: deliveries to apply in order (those that had been parked also in `unpark`), and to park."""

    apply: list[Delivery] = field(default_factory=list)
    unpark: list[Delivery] = field(default_factory=list)
    early: dict[tuple[SubjectKey, int], Delivery] = field(default_factory=dict)
    behind_failed: list[Delivery] = field(default_factory=list)
    repeats: int = 0


class Consumer:
    """One named consumer of a service, with the handlers of its manifest."""

    def __init__(
        self, name: str, database: Database, bus: Bus, *, topics: Sequence[str], handlers: Handlers, clock: Clock = utc_now
    ) -> None:
        self.name = name
        self._database = database
        self._bus = bus
        self._topics = tuple(topics)
        self._handlers = handlers
        self._clock = clock
        self._reader: Reader | None = None
        self._positions: dict[Place, int] = {}
        self.came_round_at = 0.0
        self.applied = 0
        self.repeats = 0
        self.dead_letters = 0
        self._heard: dict[Place, datetime] = {}
        self._caught_up_at = monotonic()

    async def run(self) -> None:
        """Consume until cancelled.

        Raises TooManyParked when the handlers, not single events, are at fault, and OutOfRange when the log lost what was not read.
        """
        pause, next_look = 0.1, 0.0
        while True:
            let_go_if_cancelled()  # a client that waits may have taken it for the end of its wait
            try:
                await self.step()
                pause = 0.1
                self.came_round_at = now = asyncio.get_running_loop().time()
                if now >= next_look:
                    next_look = now + ALERT_AFTER_SECONDS / 2
                    await self._alert_gaps()
            except PartitionLost:
                self.forget_positions()
            except (TooManyParked, OutOfRange):
                raise
            except Exception as error:  # what is left is a connection, of the database or of the bus; it breaks in many ways
                let_go_if_cancelled()
                self.forget_positions()
                if isinstance(error, BusUnavailable):
                    await self.close()
                log.warning("consumer_retries", consumer=self.name, error_type=type(error).__name__, pause_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def step(self, *, wait_seconds: float = 1.0) -> int:
        """Read one batch and apply it whole, or, when that fails, event by event; answers how many events were read.

        Raises PartitionLost, TooManyParked, OutOfRange and transient errors; nothing of the failed transaction stays.
        """
        if self._reader is None:
            self._reader = await self._bus.join(self.name, self._topics)
        owned = await self._reader.owned()
        if self._positions.keys() != owned:
            await self._load_positions(owned)
        records = await self._reader.read(self._positions, limit=BATCH, wait_seconds=wait_seconds)
        if not records:
            self._caught_up_at = monotonic()
        try:
            await self._consume(records)
        except (PartitionLost, OSError):
            raise
        except Exception as error:
            if is_transient(error):
                raise
            log.warning("consumer_batch_failed", consumer=self.name, error_type=type(error).__name__)
            for record in records:
                await self._consume_or_park(record)
        return len(records)

    def forget_positions(self) -> None:
        """Read the positions from the database again before the next batch."""
        self._positions.clear()

    async def close(self) -> None:
        """Leave the partitions to other processes; the next step begins anew."""
        reader, self._reader = self._reader, None
        self.forget_positions()
        if reader is not None:
            await reader.close()

    async def progress(self) -> tuple[dict[Place, int], dict[Place, int]]:
        """The position of each partition that this process owns (of all while it is not yet a member), and how many events wait in
        those of them that are behind.
        """
        heads = await self._bus.heads(self._topics)
        owned = heads.keys() if self._reader is None else await self._reader.owned()
        async with self._database.session() as session:
            offsets = await positions.offsets(session, self.name)
        found = {place: offsets.get(place, 0) for place in owned}
        return found, {place: waiting for place, offset in found.items() if (waiting := heads.get(place, 0) - offset) > 0}

    def behind_seconds(self, places: Collection[Place]) -> float:
        """For how long, at most, the oldest event that waits in `places` has: all that was written before the last event that was applied
        there, and before the last look that found nothing, is applied.
        """
        quiet = monotonic() - self._caught_up_at
        now = self._clock()
        ages = (min(quiet, (now - self._heard[place]).total_seconds()) if place in self._heard else quiet for place in places)
        return max(0.0, max(ages, default=0.0))

    async def release(self, subject: str) -> int:
        """Apply the parked events of `subject` in order as far as they follow one another; answers how many were applied. Where two
        tenants have parked events of the same subject, one of them is released, and the next call releases the other.

        Locks the partition's offset, so it cannot overtake a consumer that is running. Raises what the handler raises (then
        nothing has changed), LookupError when nothing is parked for the subject.
        """
        async with self._database.session() as session:
            found = await session.execute(
                select(parking.Parked.topic, parking.Parked.partition, parking.Parked.tenant_id)
                .where(parking.Parked.consumer == self.name, parking.Parked.subject == subject)
                .limit(1)
            )
            first = found.one_or_none()
            if first is None:
                raise LookupError(f"nothing of {subject} is parked for {self.name}")
            topic, partition, tenant_id = first
            key = (tenant_id, subject)
            await positions.hold(session, self.name, (topic, partition))
            parked, _ = await parking.parked_of(session, self.name, [subject])
            done = (await positions.applied_of(session, self.name, [subject])).get(key, 0)
            ready: list[Delivery] = []
            while (following := parked[key].get(done + len(ready) + 1)) is not None:
                ready.append(Delivery.decode(following))
            session.info["clock"] = self._clock
            await handle(session, ready, self._handlers, actor=f"system:{self.name}")
            await positions.raise_applied(session, self.name, ready)
            await parking.unpark(session, self.name, ready)
            await parking.await_missing(session, self.name, key)
            await session.commit()
            return len(ready)

    async def _consume_or_park(self, record: Received) -> None:
        """Apply one event in a transaction of its own; one whose handler keeps failing parks its subject, and the others go on."""
        for attempt in range(TRIES):
            try:
                return await self._consume([record])
            except (PartitionLost, OSError):
                raise
            except Exception as error:
                if is_transient(error):
                    raise
                failure = type(error).__name__
                log.error("handler_failed", consumer=self.name, topic=record.topic, offset=record.offset, error_type=failure)
                await asyncio.sleep(0.05 * attempt)
        return await self._consume([record], failure=failure)

    async def _consume(self, records: Sequence[Received], *, failure: str | None = None) -> None:
        """Apply a batch of one partition in one transaction, or park what was to be applied where a `failure` is named."""
        if not records:
            return
        deliveries = await self._decode(records)
        async with self._database.session() as session:
            session.info["clock"] = self._clock
            await positions.move(session, self.name, records)
            reach("apply.after_offset")
            plan = await self._plan(session, deliveries)
            if failure is not None:
                await self._refuse_parking_the_world(session)
                await parking.park(session, self.name, plan.apply, place=records[0], reason="failed", error=failure)
                plan.apply.clear()
            reach("apply.before_handlers")
            await handle(session, plan.apply, self._handlers, actor=f"system:{self.name}")
            reach("apply.after_handlers")
            await positions.raise_applied(session, self.name, plan.apply)
            await parking.unpark(session, self.name, plan.unpark if failure is None else [])
            await parking.park(session, self.name, list(plan.early.values()), place=records[0], reason="gap")
            await parking.park(session, self.name, plan.behind_failed, place=records[0], reason="failed")
            reach("commit.before")
            await session.commit()
            reach("commit.after")
        place = records[0].topic, records[0].partition
        self._positions[place] = records[-1].offset + 1
        if deliveries:
            self._heard[place] = deliveries[-1].envelope.recorded_at
        self.applied += len(plan.apply)
        self.repeats += plan.repeats

    async def _decode(self, records: Sequence[Received]) -> list[Delivery]:
        """The deliveries of a batch; what cannot be decoded goes to the dead-letter topic (at least once)."""
        deliveries: list[Delivery] = []
        for record in records:
            try:
                deliveries.append(Delivery.decode(record.event))
            except UndecodableEvent:
                self.dead_letters += 1
                log.error("event_dead_lettered", consumer=self.name, topic=record.topic, offset=record.offset)
                await self._bus.publish([Message(dead_letter_topic(record.topic), self.name, record.event)])
        return deliveries

    async def _plan(self, session: AsyncSession, deliveries: Sequence[Delivery]) -> _Plan:
        subjects = sorted({d.envelope.subject for d in deliveries})
        applied = await positions.applied_of(session, self.name, subjects)
        parked, failed = await parking.parked_of(session, self.name, subjects)
        plan = _Plan()
        for delivery in deliveries:
            key, sequence = delivery.key, delivery.envelope.sequence
            done = applied.get(key, 0)
            if sequence <= done or sequence in parked[key] or (key, sequence) in plan.early:
                plan.repeats += 1
            elif key in failed:
                plan.behind_failed.append(delivery)
            elif sequence > done + 1:
                plan.early[key, sequence] = delivery
            else:
                applied[key] = _take(plan, delivery, parked[key])
        return plan

    async def _load_positions(self, owned: Collection[Place]) -> None:
        """The positions of the `owned` partitions. Raises OutOfRange where the log ends before one: it is not the log that was read."""
        heads = await self._bus.heads(self._topics)
        async with self._database.session() as session:
            await positions.begin(session, self.name, owned)
            await session.commit()
            known = await positions.offsets(session, self.name)
        self._positions = {place: known[place] for place in owned}
        for (topic, partition), offset in self._positions.items():
            if offset > heads[topic, partition]:
                raise OutOfRange(f"{self.name} is at {topic}/{partition}@{offset}, the log ends at {heads[topic, partition]}")

    async def _refuse_parking_the_world(self, session: AsyncSession) -> None:
        if await parking.count_failed(session, self.name) >= MOST_FAILED_SUBJECTS:
            raise TooManyParked(f"{self.name}: {MOST_FAILED_SUBJECTS} subjects fail already; repair the handler, then start again")

    async def _alert_gaps(self) -> None:
        async with self._database.session() as session:
            seconds = await parking.oldest_gap_seconds(session, self.name)
        if seconds > ALERT_AFTER_SECONDS:
            log.error("event_gap", consumer=self.name, seconds=round(seconds))


def _take(plan: _Plan, delivery: Delivery, parked: dict[int, str]) -> int:
    """Apply `delivery` and every event that waited for it; answers the sequence that the subject has reached."""
    plan.apply.append(delivery)
    key, sequence = delivery.key, delivery.envelope.sequence
    while True:
        sequence += 1
        waited = parked.pop(sequence, None)
        following = plan.early.pop((key, sequence), None) if waited is None else Delivery.decode(waited)
        if following is None:
            return sequence - 1
        plan.apply.append(following)
        if waited is not None:
            plan.unpark.append(following)


def dead_letter_topic(topic: str) -> str:
    """Where the undecodable records of a topic go."""
    return f"{topic}.dead"


def topics_of(manifest: Manifest, manifests: Sequence[Manifest]) -> list[str]:
    """The topics that a service needs to be there: what it publishes on, what it reads, and where it lays what cannot be decoded."""
    topics = {*manifest.topics, *consumed_topics(manifest, manifests)}
    return sorted(topics | {dead_letter_topic(topic) for topic in topics})


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed a moment later (a lost connection, a deadlock, a full pool)."""
    if isinstance(error, DBAPIError):
        return str(getattr(error.orig, "sqlstate", None) or "08")[:2] in TRANSIENT
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate)[:2] in TRANSIENT
    return isinstance(error, (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)) and not isinstance(error, ValueError)
