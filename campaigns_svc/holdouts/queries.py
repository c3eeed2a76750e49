"""Reading holdouts."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Holdout

FIELDS: FilterFields = {
    "id": Field("id", Holdout.id),
    "scope": Field("choice", Holdout.scope),
    "campaign_id": Field("id", Holdout.campaign_id),
    "status": Field("choice", Holdout.status),
    "from_on": Field("date", Holdout.from_on),
    "until_on": Field("date", Holdout.until_on),
    "created_at": Field("instant", Holdout.created_at),
    "updated_at": Field("instant", Holdout.updated_at),
}
ORDERS = {"created_at": Order(Holdout.created_at, datetime), "updated_at": Order(Holdout.updated_at, datetime)}


async def get_holdout(session: AsyncSession, holdout_id: UUID, *, lock: bool = False) -> Holdout:
    """The holdout, locked for a change if asked. Raises NotFound."""
    holdout = await session.get(Holdout, holdout_id, with_for_update=lock or None)
    if holdout is None:
        raise NotFound(f"There is no holdout {holdout_id}")
    return holdout


async def list_holdouts(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the holdouts that are not archived."""
    statement = filtered(unarchived(Holdout), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Holdout.id, orders=ORDERS, default="-created_at")


async def find_active(session: AsyncSession, campaign_id: UUID, *, on: date) -> Sequence[Holdout]:
    """The holdouts that hold for a campaign on a day: its own, and the global ones."""
    statement = select(Holdout).where(
        *(Holdout.status == "active", Holdout.archived_at.is_(None), Holdout.from_on <= on),
        or_(Holdout.until_on.is_(None), Holdout.until_on >= on),
        or_(Holdout.scope == "global", Holdout.campaign_id == campaign_id),
    )
    return (await session.scalars(statement.order_by(Holdout.id))).all()
