"""How far a consumer is, in the database of its service: the next offset of each partition, and the last applied sequence of each subject.

Both move in the transaction of the handlers. The offset moves by compare-and-set: whoever loses it rolls back, so two processes never apply
the same batch.
"""

from collections.abc import Collection, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CursorResult, Text, Uuid, any_, bindparam, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.bus import Place, Received
from services.database import Base
from services.deliveries import Delivery, SubjectKey

RAISE_APPLIED = text("""
INSERT INTO applied (consumer, subject, tenant_id, sequence)
SELECT :consumer, subject, tenant_id, sequence
FROM unnest(:subjects, :tenants, :sequences) AS batch (subject, tenant_id, sequence)
ON CONFLICT (consumer, subject, tenant_id) DO UPDATE SET sequence = excluded.sequence
""").bindparams(
    bindparam("subjects", type_=ARRAY(Text)), bindparam("tenants", type_=ARRAY(Uuid)), bindparam("sequences", type_=ARRAY(BigInteger))
)


class ConsumerOffset(Base):
    """The next offset wanted of a partition. The database's word counts; there is no other."""

    __tablename__ = "consumer_offset"
    kit_only = True
    silent = True
    consumer: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int] = mapped_column(primary_key=True)
    next_offset: Mapped[int]


class Applied(Base):
    """The sequence up to which a subject's events were applied, counting also those without a handler."""

    __tablename__ = "applied"
    kit_only = True
    silent = True
    consumer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int]


class PartitionLost(RuntimeError):
    """Somebody else moved the offset: this process no longer owns the partition."""


async def begin(session: AsyncSession, consumer: str, places: Collection[Place]) -> None:
    """Start at the first event of those of `places` that the consumer has never read."""
    rows = [{"consumer": consumer, "topic": topic, "partition": partition, "next_offset": 0} for topic, partition in sorted(places)]
    if rows:
        await session.execute(insert(ConsumerOffset).on_conflict_do_nothing(), rows)


async def offsets(session: AsyncSession, consumer: str) -> dict[Place, int]:
    """The next offset of each partition that the consumer has ever read."""
    rows = await session.scalars(select(ConsumerOffset).where(ConsumerOffset.consumer == consumer))
    return {(row.topic, row.partition): row.next_offset for row in rows}


async def hold(session: AsyncSession, consumer: str, place: Place) -> None:
    """Keep a partition's offset from moving until the transaction ends."""
    await session.execute(select(ConsumerOffset).where(*_at(consumer, place)).with_for_update())


async def move(session: AsyncSession, consumer: str, records: Sequence[Received]) -> None:
    """Move the offset of a partition past `records`, the next of it. Raises PartitionLost where they are not the next."""
    place = (records[0].topic, records[0].partition)
    moved = await session.execute(
        update(ConsumerOffset)
        .where(*_at(consumer, place), ConsumerOffset.next_offset == records[0].offset)
        .values(next_offset=records[-1].offset + 1)
    )
    if cast("CursorResult[Any]", moved).rowcount != 1:
        raise PartitionLost(f"{consumer} no longer owns {place[0]}/{place[1]}")


async def applied_of(session: AsyncSession, consumer: str, subjects: Sequence[str]) -> dict[SubjectKey, int]:
    """The last applied sequence of each of `subjects`, in every tenant that has one."""
    rows = await session.execute(
        select(Applied.tenant_id, Applied.subject, Applied.sequence).where(
            Applied.consumer == consumer, Applied.subject == any_(literal(list(subjects), ARRAY(Text)))
        )
    )
    return {(tenant_id, subject): sequence for tenant_id, subject, sequence in rows}


async def raise_applied(session: AsyncSession, consumer: str, deliveries: Sequence[Delivery]) -> None:
    """Note that `deliveries` are applied, in their order."""
    last = sorted({d.key: d.envelope.sequence for d in deliveries}.items())
    if last:
        arrays = {
            "subjects": [subject for (_, subject), _ in last],
            "tenants": [tenant_id for (tenant_id, _), _ in last],
            "sequences": [sequence for _, sequence in last],
        }
        await session.execute(RAISE_APPLIED, {"consumer": consumer, **arrays})


def _at(consumer: str, place: Place) -> tuple[Any, ...]:
    return ConsumerOffset.consumer == consumer, ConsumerOffset.topic == place[0], ConsumerOffset.partition == place[1]
