"""Writing the journal."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of
from services.deliveries import Delivery

from .models import JournalHead
from .rules import contacts_named

SUBJECTS = bindparam("subjects", type_=ARRAY(Text))
SEQUENCES = bindparam("sequences", type_=ARRAY(BigInteger))
TENANT = bindparam("tenant_id", type_=Uuid)

FIND_KNOWN = text("""
SELECT entry.subject, entry.sequence FROM journal_entry AS entry
JOIN unnest(:subjects, :sequences) AS batch (subject, sequence) USING (subject, sequence)
WHERE entry.tenant_id = :tenant_id
""").bindparams(TENANT, SUBJECTS, SEQUENCES)

APPEND = text("""
INSERT INTO journal_entry (tenant_id, seq, event_id, type, subject, sequence, recorded_at, event)
SELECT :tenant_id, :before + place, event_id, type, subject, sequence, recorded_at, event
FROM unnest(:event_ids, :types, :subjects, :sequences, :recorded_ats, :events)
WITH ORDINALITY AS batch (event_id, type, subject, sequence, recorded_at, event, place)
""").bindparams(
    TENANT,
    SUBJECTS,
    SEQUENCES,
    bindparam("before", type_=BigInteger),
    bindparam("event_ids", type_=ARRAY(Uuid)),
    bindparam("types", type_=ARRAY(Text)),
    bindparam("recorded_ats", type_=ARRAY(DateTime(timezone=True))),
    bindparam("events", type_=ARRAY(Text)),
)

MENTION = text("""
INSERT INTO journal_mention (tenant_id, contact_id, event_id, seq, noun, type, occurred_at)
SELECT :tenant_id, contact_id, event_id, :before + place, noun, type, occurred_at
FROM unnest(:contact_ids, :event_ids, :places, :nouns, :types, :occurred_ats)
AS batch (contact_id, event_id, place, noun, type, occurred_at)
""").bindparams(
    TENANT,
    bindparam("before", type_=BigInteger),
    bindparam("contact_ids", type_=ARRAY(Uuid)),
    bindparam("event_ids", type_=ARRAY(Uuid)),
    bindparam("places", type_=ARRAY(BigInteger)),
    bindparam("nouns", type_=ARRAY(Text)),
    bindparam("types", type_=ARRAY(Text)),
    bindparam("occurred_ats", type_=ARRAY(DateTime(timezone=True))),
)


async def on_event(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Append the events of one tenant to its journal, and whom they name, in the consumer's transaction.

    The head moves by as many as are new and stays locked until the commit, so that `seq` has no gaps and no reader sees n before n - 1,
    however many writers there are. The consumer hands each event over once; one that the journal has nevertheless (its consumer was
    told to read again) is left out, so the journal stands even when the consumer's memory is lost.
    """
    tenant_id = context_of(session).tenant_id
    known = await _find_known(session, tenant_id, deliveries)
    fresh = [d for d in deliveries if (d.envelope.subject, d.envelope.sequence) not in known]
    if not fresh:
        return
    statement = upsert(JournalHead).values(tenant_id=tenant_id, generation=1, seq=len(fresh))
    statement = statement.on_conflict_do_update(index_elements=["tenant_id"], set_={"seq": JournalHead.seq + statement.excluded.seq})
    last = (await session.execute(statement.returning(JournalHead.seq))).scalar_one()
    place = {"tenant_id": tenant_id, "before": last - len(fresh)}
    await session.execute(APPEND, place | _columns(fresh))
    await session.execute(MENTION, place | _mentions(fresh))


async def _find_known(session: AsyncSession, tenant_id: UUID, deliveries: Sequence[Delivery]) -> set[tuple[str, int]]:
    keys = {"subjects": [d.envelope.subject for d in deliveries], "sequences": [d.envelope.sequence for d in deliveries]}
    found = await session.execute(FIND_KNOWN, {"tenant_id": tenant_id, **keys})
    return {(subject, sequence) for subject, sequence in found}


def _columns(deliveries: Sequence[Delivery]) -> dict[str, list[object]]:
    envelopes = [delivery.envelope for delivery in deliveries]
    return {
        "event_ids": [envelope.id for envelope in envelopes],
        "types": [envelope.type for envelope in envelopes],
        "subjects": [envelope.subject for envelope in envelopes],
        "sequences": [envelope.sequence for envelope in envelopes],
        "recorded_ats": [envelope.recorded_at for envelope in envelopes],
        "events": [delivery.raw for delivery in deliveries],
    }


def _mentions(deliveries: Sequence[Delivery]) -> dict[str, list[object]]:
    named = [
        (UUID(contact_id), place, delivery.envelope)
        for place, delivery in enumerate(deliveries, start=1)
        for contact_id in contacts_named(delivery.envelope.subject, delivery.envelope.data.get("state", {}))
    ]
    return {
        "contact_ids": [contact_id for contact_id, _, _ in named],
        "event_ids": [envelope.id for _, _, envelope in named],
        "places": [place for _, place, _ in named],
        "nouns": [envelope.subject.partition("/")[0] for _, _, envelope in named],
        "types": [envelope.type for _, _, envelope in named],
        "occurred_ats": [envelope.time for _, _, envelope in named],
    }
