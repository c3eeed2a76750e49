"""Events that wait: early ones for the missing one before them, and those of a subject whose handler failed for a release."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, BigInteger, Text, Uuid, any_, bindparam, func, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.bus import Received
from services.database import Base
from services.deliveries import Delivery, SubjectKey

log = structlog.get_logger()


UNPARK = text("""
DELETE FROM parked USING unnest(:tenants, :subjects, :sequences) AS applied (tenant_id, subject, sequence)
WHERE parked.consumer = :consumer AND parked.subject = applied.subject
  AND parked.sequence = applied.sequence AND parked.tenant_id = applied.tenant_id
""").bindparams(
    bindparam("tenants", type_=ARRAY(Uuid)), bindparam("subjects", type_=ARRAY(Text)), bindparam("sequences", type_=ARRAY(BigInteger))
)


class Parked(Base):
    """An event that waits: for a missing one before it (`gap`), or for a release after its handler failed (`failed`)."""

    __tablename__ = "parked"
    kit_only = True
    silent = True
    consumer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
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
        index_elements=[Parked.consumer, Parked.subject, Parked.sequence, Parked.tenant_id],
        set_={"reason": statement.excluded.reason, "error": statement.excluded.error},
    )
    await session.execute(statement, rows)
    for row in rows:
        log.warning("event_parked", consumer=consumer, subject=row["subject"], sequence=row["sequence"], reason=reason, error_type=error)


async def unpark(session: AsyncSession, consumer: str, deliveries: Sequence[Delivery]) -> None:
    """Forget parked events that were applied."""
    if deliveries:
        applied = {
            "tenants": [delivery.envelope.tenant_id for delivery in deliveries],
            "subjects": [delivery.envelope.subject for delivery in deliveries],
            "sequences": [delivery.envelope.sequence for delivery in deliveries],
        }
        await session.execute(UNPARK, {"consumer": consumer, **applied})


async def parked_of(
    session: AsyncSession, consumer: str, subjects: Sequence[str]
) -> tuple[dict[SubjectKey, dict[int, str]], set[SubjectKey]]:
    """What is parked of `subjects`, by tenant and subject and sequence, as it came; and which of them wait for a release."""
    rows = await session.execute(
        select(Parked.tenant_id, Parked.subject, Parked.sequence, Parked.reason, Parked.event).where(
            Parked.consumer == consumer, Parked.subject == any_(literal(list(subjects), ARRAY(Text)))
        )
    )
    found: dict[SubjectKey, dict[int, str]] = defaultdict(dict)
    failed: set[SubjectKey] = set()
    for tenant_id, subject, sequence, reason, event in rows:
        found[tenant_id, subject][sequence] = event
        if reason == "failed":
            failed.add((tenant_id, subject))
    return found, failed


async def count_failed(session: AsyncSession, consumer: str) -> int:
    """How many subjects wait for a release."""
    subjects = func.count(func.distinct(tuple_(Parked.tenant_id, Parked.subject)))
    statement = select(subjects).where(Parked.consumer == consumer, Parked.reason == "failed")
    return await session.scalar(statement) or 0


async def list_parked(session: AsyncSession) -> list[Parked]:
    """Everything parked in this database, oldest first (at most 1,000)."""
    return list(await session.scalars(select(Parked).order_by(Parked.parked_at, Parked.subject, Parked.sequence).limit(1000)))


async def await_missing(session: AsyncSession, consumer: str, key: SubjectKey) -> None:
    """Let what is still parked of a released subject wait for its missing event only."""
    ours = (Parked.consumer == consumer, Parked.tenant_id == key[0], Parked.subject == key[1])
    await session.execute(update(Parked).where(*ours).values(reason="gap", error=None))


async def oldest_gap_seconds(session: AsyncSession, consumer: str) -> float:
    """The age of the longest wait for a missing event, 0 where nothing waits."""
    age = func.extract("epoch", func.now() - func.min(Parked.parked_at))
    found = await session.scalar(select(age).where(Parked.consumer == consumer, Parked.reason == "gap"))
    return float(found or 0.0)
