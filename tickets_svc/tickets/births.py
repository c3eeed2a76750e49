"""The statement that writes new tickets: it draws their numbers, looks up what may be lost with who asks, and whether rules route here."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, column, func, insert, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from services.kept_statements import KeptSelect
from services.references import ContactReference
from services.upserts import Values
from tickets_svc.routing.queries import IS_ROUTED

from .models import Ticket

_TICKET: Any = Ticket.__table__
_KNOWN = ContactReference.__table__.c
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*[column(c.key, c.type) for c in _TICKET.columns])
_BORN = _ROWS.render_derived(name="born", with_types=True)
_VALUES = {c.key: c for c in _BORN.c} | {
    "number": func.next_ticket_number(),
    "value_at_risk_minor": select(_KNOWN.value_at_risk_minor).where(_KNOWN.contact_id == _BORN.c.contact_id).scalar_subquery(),
}
_INSERT = insert(_TICKET).from_select(list(_VALUES), select(*_VALUES.values()))
_WRITTEN = _INSERT.returning(_TICKET.c.id, _TICKET.c.number, _TICKET.c.value_at_risk_minor).cte("written")
WRITE = KeptSelect(select(_WRITTEN, IS_ROUTED.label("is_routed")))


async def write_rows(session: AsyncSession, rows: Sequence[Values]) -> bool:
    """Write new tickets and note in `rows`, which has one at least, what was drawn and looked up; answers whether rules route here."""
    found = await WRITE.run(session, {"rows": rows})
    written = {ticket_id: drawn for ticket_id, *drawn, _ in found}
    for row in rows:
        row["number"], row["value_at_risk_minor"] = written[row["id"]]
    return any(is_routed for *_, is_routed in found)
