"""Reading reasons."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound, invalid_field
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Reason
from .rules import check_can_choose

FIELDS: FilterFields = {
    "id": Field("id", Reason.id),
    "kind": Field("choice", Reason.kind),
    "text": Field("text", Reason.text),
    "status": Field("choice", Reason.status),
    "created_at": Field("instant", Reason.created_at),
}
ORDERS = {"created_at": Order(Reason.created_at, datetime), "text": Order(Reason.text, str)}


async def get_reason(session: AsyncSession, reason_id: UUID, *, lock: bool = False) -> Reason:
    """The reason, locked for a change if asked. Raises NotFound."""
    reason = await session.get(Reason, reason_id, with_for_update=lock or None)
    if reason is None:
        raise NotFound(f"There is no reason {reason_id}")
    return reason


async def list_reasons(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the reasons that are not archived."""
    statement = filtered(unarchived(Reason), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Reason.id, orders=ORDERS, default="-created_at")


async def find_reasons(session: AsyncSession, reason_ids: Collection[UUID]) -> dict[UUID, Reason]:
    """Those of the reasons that exist."""
    if not reason_ids:
        return {}
    return {reason.id: reason for reason in await session.scalars(select(Reason).where(Reason.id.in_(reason_ids)))}


async def check_choice(session: AsyncSession, reason_id: UUID, *, kind: str, pointer: str = "/reason_id") -> None:
    """Raises Invalid, unless this is an active reason of `kind`."""
    reason = await session.get(Reason, reason_id)
    if reason is None:
        raise invalid_field(pointer, "unknown_reason", f"There is no reason {reason_id}")
    check_can_choose(reason.kind, reason.status, wanted=kind, pointer=pointer)
