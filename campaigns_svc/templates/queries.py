"""Reading templates."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Template

FIELDS: FilterFields = {
    "id": Field("id", Template.id),
    "name": Field("text", Template.name),
    "channel": Field("choice", Template.channel),
    "language": Field("choice", Template.language),
    "status": Field("choice", Template.status),
    "revision": Field("number", Template.revision),
    "revises_id": Field("id", Template.revises_id),
    "created_at": Field("instant", Template.created_at),
    "updated_at": Field("instant", Template.updated_at),
}
ORDERS = {"created_at": Order(Template.created_at, datetime), "updated_at": Order(Template.updated_at, datetime)}


async def get_template(session: AsyncSession, template_id: UUID, *, lock: bool = False) -> Template:
    """The template, locked for a change if asked. Raises NotFound."""
    template = await session.get(Template, template_id, with_for_update=lock or None)
    if template is None:
        raise NotFound(f"There is no template {template_id}")
    return template


async def list_templates(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the templates that are not archived."""
    statement = filtered(unarchived(Template), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Template.id, orders=ORDERS, default="-created_at")
