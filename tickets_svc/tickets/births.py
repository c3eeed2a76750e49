"""The statement that writes new tickets: it draws their numbers, looks up what may be lost with who asks, and whether rules route here."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Text, Uuid, bindparam, cast, column, func, insert, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of
from services.kept_statements import KeptSelect
from services.references import ContactReference
from services.upserts import Values
from tickets_svc.routing.queries import IS_ROUTED

from .models import Ticket, TicketCounter

LOCK_SPACE = 7130
_COUNTER: Any = TicketCounter.__table__
_TICKET: Any = Ticket.__table__
_KNOWN = ContactReference.__table__.c
_COUNT = bindparam("count", type_=BigInteger)
_TENANT = bindparam("tenant", type_=Uuid)
# A queue in front of the counter: those who wait for a row all wake when it is free, and all but one go back to waiting.
_TURN = func.pg_advisory_xact_lock(literal_column(f"{LOCK_SPACE}"), func.hashtext(cast(_TENANT, Text))).table_valued(name="turn")
_COUNTED = upsert(_COUNTER).from_select(["tenant_id", "last_number"], select(_TENANT, _COUNT).select_from(_TURN))
_NEXT = {"last_number": _COUNTER.c.last_number + _COUNTED.excluded.last_number}
_DRAWN = _COUNTED.on_conflict_do_update(index_elements=["tenant_id"], set_=_NEXT).returning(_COUNTER.c.last_number).cte("drawn")
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*[column(c.key, c.type) for c in _TICKET.columns])
_BORN = _ROWS.render_derived(name="born", with_types=True)
_VALUES = {c.key: c for c in _BORN.c} | {
    "number": select(_DRAWN.c.last_number).scalar_subquery() - _COUNT + _BORN.c.number,
    "value_at_risk_minor": select(_KNOWN.value_at_risk_minor).where(_KNOWN.contact_id == _BORN.c.contact_id).scalar_subquery(),
}
_INSERT = insert(_TICKET).from_select(list(_VALUES), select(*_VALUES.values()))
_WRITTEN = _INSERT.returning(_TICKET.c.id, _TICKET.c.number, _TICKET.c.value_at_risk_minor).cte("written")
WRITE = KeptSelect(select(_WRITTEN, IS_ROUTED.label("is_routed")))


async def write_rows(session: AsyncSession, rows: Sequence[Values]) -> bool:
    """Write new tickets and note in `rows`, which has one at least, what was drawn and looked up; answers whether rules route here.

    Whoever draws next waits for this transaction to end, in the order of coming: so it is one statement, after all that may be refused.
    """
    for place, row in enumerate(rows, start=1):
        row["number"] = place
    asked = {"tenant": context_of(session).tenant_id, "count": len(rows), "rows": rows}
    found = await WRITE.run(session, asked)
    written = {ticket_id: drawn for ticket_id, *drawn, _ in found}
    for row in rows:
        row["number"], row["value_at_risk_minor"] = written[row["id"]]
    return any(is_routed for *_, is_routed in found)
