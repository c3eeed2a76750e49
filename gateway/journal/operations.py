"""Writing the journal."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of
from services.deliveries import Delivery

from .models import JournalHead

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


async def on_event(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Append the events of one tenant to its journal, in the consumer's transaction.

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
    await session.execute(APPEND, {"tenant_id": tenant_id, "before": last - len(fresh), **_columns(fresh)})


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
