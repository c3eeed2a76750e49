"""What the facts of tickets, mails and activities say of customers as of a day: counts, read set-based; none is zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import ARRAY, Date, DateTime, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.scores.rules import Integers

RECENT_DAYS = 91
RECENT = f"occurred_on > CAST(:as_of AS date) - {RECENT_DAYS}"
TICKET = "kind LIKE 'ticket.%' AND attributes ->> 'archived_at' IS NULL"
SETTLED = "attributes ->> 'status' IN ('resolved', 'closed')"


@dataclass(frozen=True, slots=True)
class Signal:
    """A count per contact. `counted` is what is counted: rows of `known` (facts as they were known) or of `latest` (the last of each
    subject among them).
    """

    source: str
    counted: str


SIGNALS: Mapping[str, Signal] = {
    "tickets_open": Signal("latest", f"{TICKET} AND NOT {SETTLED}"),
    "tickets_past": Signal("latest", f"{TICKET} AND {SETTLED} AND {RECENT}"),
    "complaints": Signal("latest", f"{TICKET} AND attributes ->> 'type' = 'complaint' AND {RECENT}"),
    "sends": Signal("known", f"kind = 'send.sent' AND {RECENT}"),
    "clicks": Signal("known", f"kind = 'send.clicked' AND {RECENT} AND NOT coalesce((attributes ->> 'machine')::boolean, false)"),
    "activities": Signal("known", f"kind = 'activity.completed' AND {RECENT}"),
}
FACTS = """
WITH known AS MATERIALIZED (
    SELECT contact_id, subject, sequence, kind, occurred_on, attributes FROM fact
    WHERE NOT starts_with(kind, 'order.') AND contact_id = ANY(:contact_ids) AND occurred_on <= :as_of /*known_at*/
), latest AS (
    SELECT * FROM known WHERE NOT EXISTS (
        SELECT FROM fact AS later WHERE later.subject = known.subject AND later.sequence > known.sequence
        AND later.occurred_on <= :as_of /*later.known_at*/
    )
)
"""
COUNTED = "SELECT '{name}' AS name, contact_id, count(*) AS seen FROM {source} WHERE {counted} GROUP BY contact_id"


async def count_signals(
    session: AsyncSession,
    contact_ids: Sequence[UUID],
    as_of: date,
    *,
    known_at: datetime | None = None,
) -> dict[str, Integers]:
    """Each signal's count for each of `contact_ids`, in their order."""
    bounds: list[Any] = [bindparam("as_of", as_of, Date()), bindparam("contact_ids", list(contact_ids), ARRAY(Uuid))]
    if known_at is not None:
        bounds.append(bindparam("known_at", known_at, DateTime(timezone=True)))
    facts = FACTS
    for place in ("", "later."):
        facts = facts.replace(f"/*{place}known_at*/", "" if known_at is None else f"AND {place}recorded_at <= :known_at")
    counts = (COUNTED.format(name=name, source=each.source, counted=each.counted) for name, each in SIGNALS.items())
    statement = text(facts + "\nUNION ALL ".join(counts)).bindparams(*bounds)
    place_of = {contact_id: place for place, contact_id in enumerate(contact_ids)}
    found = {name: np.zeros(len(contact_ids), dtype=np.int64) for name in SIGNALS}
    for name, contact_id, seen in await session.execute(statement):
        found[name][place_of[contact_id]] = seen
    return found
