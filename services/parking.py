"""Events that wait: early ones for the missing one before them, and those of a subject whose handler failed for a release."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, Text, any_, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.bus import Received
from services.database import Base
from services.deliveries import Delivery

log = structlog.get_logger()


class Parked(Base):
    """An event that waits: for a missing one before it (`gap`), or for a release after its handler failed (`failed`)."""

    __tablename__ = "parked"
    kit_only = True
    silent = True
    consumer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    topic: Mapped[str]
    partition: Mapped[int]
    reason: Mapped[str]
    error: Mapped[str | None]
    event: Mapped[str] = mapped_column(Text)
    parked_at: Mapped[datetime] = mapped_column(server_default=func.now())


async def park(
    session: AsyncSession, consumer: str, deliveries: Sequence[Delivery], *, place: Received, reason: str, error: str | None = None
) -> None:
    """Keep `deliveries` until they may be applied; one that is parked already takes the new reason."""
    if not deliveries:
        return
    rows = [
        {
            "consumer": consumer,
            "subject": d.envelope.subject,
            "sequence": d.envelope.sequence,
            "tenant_id": d.envelope.tenant_id,
            "topic": place.topic,
            "partition": place.partition,
            "reason": reason,
            "error": error,
            "event": d.raw,
        }
        for d in deliveries
    ]
    statement = insert(Parked)
    statement = statement.on_conflict_do_update(
        index_elements=[Parked.consumer, Parked.subject, Parked.sequence],
        set_={"reason": statement.excluded.reason, "error": statement.excluded.error},
    )
    await session.execute(statement, rows)
    for row in rows:
        log.warning("event_parked", consumer=consumer, subject=row["subject"], sequence=row["sequence"], reason=reason, error_type=error)


async def unpark(session: AsyncSession, consumer: str, deliveries: Sequence[Delivery]) -> None:
    """Forget parked events that were applied."""
    for delivery in deliveries:
        await session.execute(
            delete(Parked).where(
                Parked.consumer == consumer,
                Parked.subject == delivery.envelope.subject,
                Parked.sequence == delivery.envelope.sequence,
            )
        )


async def parked_of(session: AsyncSession, consumer: str, subjects: Sequence[str]) -> tuple[dict[str, dict[int, Delivery]], set[str]]:
    """What is parked of `subjects`, by subject and sequence in order, and which of them wait for a release."""
    rows = await session.execute(
        select(Parked.subject, Parked.sequence, Parked.reason, Parked.event)
        .where(Parked.consumer == consumer, Parked.subject == any_(literal(list(subjects), ARRAY(Text))))
        .order_by(Parked.sequence)
    )
    found: dict[str, dict[int, Delivery]] = defaultdict(dict)
    failed: set[str] = set()
    for subject, sequence, reason, raw in rows:
        found[subject][sequence] = Delivery.decode(raw)
        if reason == "failed":
            failed.add(subject)
    return found, failed


async def count_failed(session: AsyncSession, consumer: str) -> int:
    """How many subjects wait for a release."""
    statement = select(func.count(func.distinct(Parked.subject))).where(Parked.consumer == consumer, Parked.reason == "failed")
    return await session.scalar(statement) or 0


async def list_parked(session: AsyncSession) -> list[Parked]:
    """Everything parked in this database, oldest first (at most 1,000)."""
    return list(await session.scalars(select(Parked).order_by(Parked.parked_at, Parked.subject, Parked.sequence).limit(1000)))


async def await_missing(session: AsyncSession, consumer: str, subject: str) -> None:
    """Let what is still parked of a released subject wait for its missing event only."""
    await session.execute(update(Parked).where(Parked.consumer == consumer, Parked.subject == subject).values(reason="gap", error=None))


async def oldest_gap_seconds(session: AsyncSession, consumer: str) -> float:
    """The age of the longest wait for a missing event, 0 where nothing waits."""
    age = func.extract("epoch", func.now() - func.min(Parked.parked_at))
    found = await session.scalar(select(age).where(Parked.consumer == consumer, Parked.reason == "gap"))
    return float(found or 0.0)
