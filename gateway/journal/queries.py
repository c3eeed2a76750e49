"""Reading the journal."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of
from services.envelope import Envelope
from services.errors import NotFound, invalid_field

from .models import JournalEntry, JournalHead
from .rules import Position, TypePatterns, read_position
from .schemas import History, Version


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of the journal: its place, its type and its JSON as it came."""

    seq: int
    type: str
    event: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader wants."""

    types: TypePatterns
    subject: str | None = None


async def get_head(session: AsyncSession) -> Position:
    """The newest position of the tenant's journal; 0 where nothing was journaled yet."""
    found = (await session.execute(select(JournalHead.generation, JournalHead.seq))).one_or_none()
    return Position(found.generation, found.seq) if found else Position(1, 0)


async def list_entries(session: AsyncSession, after: int, wanted: Wanted, *, limit: int, until: int) -> Sequence[Entry]:
    """Up to `limit` wanted events with after < seq <= until, in order. `until` is a head that was read before."""
    entry = JournalEntry
    statement = (
        select(entry.seq, entry.type, entry.event)
        .where(entry.tenant_id == context_of(session).tenant_id, entry.seq > after, entry.seq <= until, *_conditions(wanted))
        .order_by(entry.seq)
        .limit(limit)
    )
    return [Entry(*row) for row in await session.execute(statement)]


async def list_events(session: AsyncSession, after: str | None, wanted: Wanted, *, page_size: int) -> bytes:
    """A page of events (EventPage) as JSON, each event as it was journaled. Raises Invalid, Gone."""
    head = await get_head(session)
    start = read_position(after, head, "#query/after") if after else 0
    found = await list_entries(session, start, wanted, limit=page_size + 1, until=head.seq)
    shown = found[:page_size]
    more = len(found) > page_size
    position = Position(head.generation, shown[-1].seq if more else head.seq)
    page = {"items": [orjson.Fragment(with_seq(entry)) for entry in shown], "next_cursor": str(position) if more else None}
    return orjson.dumps(page | {"position": str(position)})


def with_seq(entry: Entry) -> str:
    """The event's JSON with its `seq` at the front."""
    return f'{{"seq":{entry.seq},{entry.event[1:]}'


async def list_history(session: AsyncSession, noun: str, record_id: UUID, *, page_size: int, cursor: str | None) -> History:
    """The versions of a record, oldest first. Raises NotFound where the journal has none, Invalid for a wrong cursor."""
    after = _read_cursor(cursor)
    entry = JournalEntry
    statement = (
        select(entry.seq, entry.event)
        .where(entry.tenant_id == context_of(session).tenant_id, entry.subject == f"{noun}/{record_id}", entry.sequence > after)
        .order_by(entry.sequence)
        .limit(page_size + 1)
    )
    found = (await session.execute(statement)).all()
    if not found and cursor is None:
        raise NotFound(f"The journal knows no {noun} {record_id}")
    items = [version_of(seq, Envelope.from_json(event)) for seq, event in found[:page_size]]
    return History(items=items, next_cursor=str(items[-1].version) if len(found) > page_size else None)


def version_of(seq: int, envelope: Envelope) -> Version:
    """An event of the journal as a version of its subject."""
    return Version(
        seq=seq,
        type=envelope.type,
        version=envelope.sequence,
        time=envelope.time,
        recorded_at=envelope.recorded_at,
        actor=envelope.actor,
        changed=envelope.data.get("changed", []),
        state=envelope.data["state"],
    )


def _read_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise invalid_field("#query/cursor", "cursor", "This is not a cursor that we gave out")
    return int(cursor)


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.subject is not None:
        found.append(JournalEntry.subject == wanted.subject)
    types = [JournalEntry.type.startswith(beginning, autoescape=True) for beginning in wanted.types.beginnings]
    if wanted.types.names:
        types.append(JournalEntry.type.in_(wanted.types.names))
    return [*found, or_(*types)] if types else found
