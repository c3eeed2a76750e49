"""What new tickets take from beside them, in one statement: their numbers, what may be lost with who asks, and whether rules route here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of
from services.references import ContactReference
from tickets_svc.routing.queries import IS_ROUTED

from .models import TicketCounter

_COUNTER: Any = TicketCounter.__table__
_COUNTED = insert(_COUNTER).values(tenant_id=bindparam("tenant", type_=Uuid), last_number=bindparam("count", type_=BigInteger))
_NEXT = {"last_number": _COUNTER.c.last_number + _COUNTED.excluded.last_number}
_DRAWN = _COUNTED.on_conflict_do_update(index_elements=["tenant_id"], set_=_NEXT).returning(_COUNTER.c.last_number).cte("drawn")
_KNOWN = ContactReference.__table__
_OF_WHO_ASKS = _KNOWN.c.contact_id == any_(bindparam("contacts", type_=ARRAY(Uuid)))
DRAW = select(_DRAWN.c.last_number, IS_ROUTED.label("is_routed"), _KNOWN.c.contact_id, _KNOWN.c.value_at_risk_minor).select_from(
    _DRAWN.outerjoin(_KNOWN, _OF_WHO_ASKS)
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn: the first number of those that follow each other, what may be lost with each contact, whether rules route here."""

    first_number: int
    at_risk: Mapping[UUID, int | None]
    is_routed: bool


async def draw(session: AsyncSession, count: int, contact_ids: Collection[UUID]) -> Drawn:
    """Draw for `count` tickets. Whoever draws next waits for this transaction to end, so it comes after all that may be refused."""
    asked = {"tenant": context_of(session).tenant_id, "count": count, "contacts": list(contact_ids)}
    found = (await session.execute(DRAW, asked)).all()
    first = found[0]
    at_risk = {row.contact_id: row.value_at_risk_minor for row in found}
    return Drawn(first.last_number - count + 1, at_risk, first.is_routed)
