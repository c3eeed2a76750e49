"""Reading what happened with a customer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, bindparam, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.journal.models import JournalEntry, JournalMention
from gateway.journal.queries import version_of
from services.database import context_of, now
from services.envelope import Envelope
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import ListQuery, Order, fetch_page, filtered
from services.routing import allows
from services.tokens import Caller

from .schemas import TimelineEntry

FIELDS: FilterFields = {
    "type": Field("text", JournalMention.type),
    "noun": Field("choice", JournalMention.noun),
    "time": Field("instant", JournalMention.occurred_at),
}
ORDERS = {"time": Order(JournalMention.occurred_at, datetime)}
_mention = JournalMention.__table__.c
MENTIONS = select(JournalMention.__table__).where(
    _mention.tenant_id == bindparam("tenant_id"),
    _mention.contact_id == bindparam("contact_id"),
    _mention.noun == any_(bindparam("nouns", type_=ARRAY(Text))),
)


async def list_timeline(
    session: AsyncSession, contact_id: UUID, query: ListQuery, *, caller: Caller, segments: Mapping[str, str]
) -> tuple[Sequence[TimelineEntry], str | None, int | None]:
    """A page of what happened with a contact, oldest first unless asked otherwise: of the nouns whose read scope the caller has.

    `segments` are the path segments by noun. Raises NotFound where nothing that the caller may read names the contact.
    """
    readable = [noun for noun, segment in segments.items() if allows(caller.scopes, f"{segment}:read")]
    of_them = {"tenant_id": context_of(session).tenant_id, "contact_id": contact_id, "nouns": readable}
    if not await session.scalar(select(exists(MENTIONS)), of_them):
        raise NotFound(f"The journal knows no customer {contact_id}")
    wanted = filtered(MENTIONS, query, FIELDS, bindings=Bindings(caller.user_id, now(session)), values=of_them)
    found = await fetch_page(session, wanted, query, id_column=JournalMention.event_id, orders=ORDERS, default="time")
    return await _entries(session, [mention["seq"] for mention in found.named()]), found.next_cursor, found.total


async def _entries(session: AsyncSession, seqs: Sequence[int]) -> list[TimelineEntry]:
    tenant_id = context_of(session).tenant_id
    statement = select(JournalEntry.seq, JournalEntry.event).where(JournalEntry.tenant_id == tenant_id, JournalEntry.seq.in_(seqs))
    events = {seq: Envelope.from_json(event) for seq, event in await session.execute(statement)}
    return [TimelineEntry(**version_of(seq, events[seq]).model_dump(), subject=events[seq].subject) for seq in seqs]
