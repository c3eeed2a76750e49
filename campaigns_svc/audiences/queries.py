"""Reading audiences, and who is in them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound, invalid_field
from services.filters import Bindings, Field, FilterError, FilterFields, compile_sql, parse_filter
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived
from services.references import FIELDS as CONTACT_FIELDS
from services.references import ContactReference

from .models import Audience
from .schemas import Preview

FIELDS: FilterFields = {
    "id": Field("id", Audience.id),
    "name": Field("text", Audience.name),
    "status": Field("choice", Audience.status),
    "size": Field("number", Audience.size),
    "created_at": Field("instant", Audience.created_at),
    "updated_at": Field("instant", Audience.updated_at),
}
SAMPLES = 20
ORDERS = {"created_at": Order(Audience.created_at, datetime), "updated_at": Order(Audience.updated_at, datetime)}


async def get_audience(session: AsyncSession, audience_id: UUID, *, lock: bool = False) -> Audience:
    """The audience, locked for a change if asked. Raises NotFound."""
    audience = await session.get(Audience, audience_id, with_for_update=lock or None)
    if audience is None:
        raise NotFound(f"There is no audience {audience_id}")
    return audience


async def list_audiences(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the audiences that are not archived."""
    statement = filtered(unarchived(Audience), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Audience.id, orders=ORDERS, default="-created_at")


def condition_of(include: Sequence[str], exclude: Sequence[str], *, at: datetime) -> ColumnElement[bool]:
    """Which contacts are in: those that one of `include` lets through and none of `exclude`, but for archived and merged ones.

    Raises Invalid that says which filter is wrong, and where.
    """
    wanted = [_compiled(f"/include/{number}", text, at) for number, text in enumerate(include)]
    unwanted = [_compiled(f"/exclude/{number}", text, at) for number, text in enumerate(exclude)]
    live = and_(ContactReference.archived_at.is_(None), ContactReference.survivor_id.is_(None), ContactReference.lifecycle.is_not(None))
    return and_(live, or_(*wanted), *(not_(func.coalesce(each, False)) for each in unwanted))


async def preview_audience(session: AsyncSession, include: Sequence[str], exclude: Sequence[str]) -> Preview:
    """How many contacts are in, and the first of them by id."""
    at = now(session)
    members = condition_of(include, exclude, at=at)
    size = await session.scalar(select(func.count()).select_from(ContactReference).where(members))
    sample = await session.scalars(select(ContactReference.contact_id).where(members).order_by(ContactReference.contact_id).limit(SAMPLES))
    return Preview(size=size or 0, sample=list(sample), at=at)


async def matching_filters(session: AsyncSession, audience: Audience, contact_id: UUID) -> tuple[list[int], list[int]]:
    """Which of an audience's filters, by their places in `include` and in `exclude`, let a contact through."""
    at = now(session)
    texts = [*audience.include, *audience.exclude]
    columns = [func.coalesce(_compiled("", text, at), False) for text in texts]
    found = (await session.execute(select(*columns).where(ContactReference.contact_id == contact_id))).one_or_none()
    matching = [place for place, matches in enumerate(found or ()) if matches]
    size = len(audience.include)
    return [place for place in matching if place < size], [place - size for place in matching if place >= size]


def _compiled(pointer: str, text: str, at: datetime) -> ColumnElement[bool]:
    try:
        return compile_sql(parse_filter(text), CONTACT_FIELDS, Bindings(None, at))
    except FilterError as error:
        raise invalid_field(pointer, "filter", str(error)) from error
