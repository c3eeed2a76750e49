"""`record` and `record_many`: the one way in which a change becomes an event, in the transaction of the change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Identity, Text, event, insert, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.contracts import Event, noun_of, topic_of
from services.database import Base, Context, Record, context_of, now
from services.envelope import MAX_BYTES, Envelope
from services.errors import Conflict, TooLarge
from services.failpoints import reach
from services.identifiers import new_id
from services.kept_statements import KeptInsert

BOOKKEEPING = frozenset({"version", "updated_at", "tenant_id", "partition_key"})


class Outbox(Base):
    """Events that are written and not yet published; the relay empties it in id order."""

    __tablename__ = "outbox"
    kit_only = True
    silent = True
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    topic: Mapped[str]
    partition_key: Mapped[str]
    event: Mapped[str] = mapped_column(Text)


INSERT = KeptInsert(insert(Outbox.__table__), "topic", "partition_key", "event")  # type: ignore[arg-type]


class RecordedTwice(Conflict):
    """A second event, or another change, on a subject that was already recorded in this transaction."""

    code = "changed_twice"


class Unrecorded(RuntimeError):
    """A record was changed and no event tells of it."""


class Row(Protocol):
    """What `record_many` must know of a row that was written set-based."""

    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def partition_key(self) -> str: ...
    @property
    def updated_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Written:
    """The bookkeeping of a row that was written set-based (see Row)."""

    id: UUID
    version: int
    partition_key: str
    updated_at: datetime


async def record(session: AsyncSession, row: Record, fact: Event, *, occurred_at: datetime | None = None) -> None:
    """Write `row` and the event that tells of its change: one statement each, in this order, in the caller's transaction.

    The row's UPDATE (or INSERT) takes the row lock and moves the version before the outbox id is drawn, so ids and versions of
    a subject are in the same order whoever commits first. `changed` is worked out from the row. `occurred_at` (default: now) may
    lie in the past. Raises RecordedTwice on a second event for the subject, Unrecorded when another record is changed too
    (change one, record it, then the next), TooLarge above 256 KiB.
    """
    recorded, tenant_id = _recorded(session), context_of(session).tenant_id
    if (tenant_id, row.id) in recorded:
        raise RecordedTwice(f"{fact.type}: this subject already has an event in this transaction")
    others = [type(other).__name__ for other in (*session.new, *session.dirty) if other is not row and _is_loud(other)]
    if others:
        raise Unrecorded(f"{', '.join(others)} changed as well; record each change before the next")
    at = now(session)
    previous = inspect(row).committed_state.get("updated_at", row.updated_at)
    row.updated_at = max(at, previous) if isinstance(previous, datetime) else at  # a row that is being born has no previous time
    changed = _changed_names(row)
    session.add(row)
    session.info["recording"] = row.id
    await session.flush()
    session.info.pop("recording")
    recorded.add((tenant_id, row.id))
    reach("write.before_event")
    await _insert(session, [(Written(row.id, row.version, row.partition_key, row.updated_at), fact, occurred_at)], changed=changed)
    reach("write.before_commit")


async def record_many(session: AsyncSession, facts: Sequence[tuple[Row, Event, datetime | None]]) -> None:
    """Write the events of rows that were written set-based in this transaction, as (row, event, occurred_at or None).

    The rows must have been written (their locks are held) before the call. Raises RecordedTwice and TooLarge as `record` does.
    """
    recorded, tenant_id = _recorded(session), context_of(session).tenant_id
    for row, fact, _ in facts:
        if (tenant_id, row.id) in recorded:
            raise RecordedTwice(f"{fact.type}: this subject already has an event in this transaction")
        recorded.add((tenant_id, row.id))
    if not facts:
        return
    reach("write.before_event")
    await _insert(session, facts, changed=None)
    reach("write.before_commit")


async def _insert(session: AsyncSession, facts: Sequence[tuple[Row, Event, datetime | None]], *, changed: list[str] | None) -> None:
    context = context_of(session)
    rows = []
    for row, fact, occurred_at in facts:
        encoded = envelope_of(row, fact, context, occurred_at=occurred_at, changed=changed).to_json()
        if len(encoded) > MAX_BYTES:
            raise TooLarge(
                f"{fact.type} would carry {len(encoded):,} bytes; an event carries at most {MAX_BYTES:,}", code="event_too_large"
            )
        rows.append({"topic": topic_of(fact.type), "partition_key": row.partition_key, "event": encoded.decode()})
    await INSERT.write(session, rows)


def envelope_of(
    row: Row, fact: Event, context: Context, *, occurred_at: datetime | None = None, changed: list[str] | None = None
) -> Envelope:
    """The envelope of `fact` about `row`, whose version and time of change it carries."""
    data = fact.model_dump()
    if changed is not None:
        data["changed"] = changed
    return Envelope(
        id=new_id(),
        type=fact.type,
        source=f"/mitra/{fact.type.partition('.')[0]}",
        subject=f"{noun_of(fact.type)}/{row.id}",
        tenant_id=context.tenant_id,
        sequence=row.version,
        partition_key=row.partition_key,
        time=occurred_at or row.updated_at,
        recorded_at=row.updated_at,
        actor=context.actor,
        correlation_id=context.correlation_id,
        causation_id=context.causation_id,
        traceparent=context.traceparent,
        data=data,
    )


def _recorded(session: AsyncSession) -> set[tuple[UUID, UUID]]:
    """The tenant and id of every row that has its event in the running transaction."""
    recorded: set[tuple[UUID, UUID]] = session.info.setdefault("recorded", set())
    return recorded


def _changed_names(row: Record) -> list[str]:
    state = inspect(row)
    if state.key is None:
        return []
    return sorted(a.key for a in state.attrs if a.history.has_changes() and a.key not in BOOKKEEPING)


def _is_loud(row: Any) -> bool:
    return isinstance(row, Record) and not type(row).silent  # type: ignore[attr-defined]


@event.listens_for(Session, "before_flush")
def _refuse_unrecorded(session: Session, _flush_context: Any, _instances: Any) -> None:
    """A loud record may reach the database only through `record`, so no change goes untold."""
    for row in (*session.new, *session.dirty):
        if not _is_loud(row) or (row in session.dirty and not session.is_modified(row)):
            continue
        if (row.tenant_id, row.id) in session.info.get("recorded", ()):
            raise RecordedTwice(f"{type(row).__name__} was changed after its event was recorded")
        if row.id != session.info.get("recording"):
            raise Unrecorded(f"{type(row).__name__} was changed and no event tells of it")


@event.listens_for(Session, "after_transaction_end")
def _forget_recorded(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop("recorded", None)
