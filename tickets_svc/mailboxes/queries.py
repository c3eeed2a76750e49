"""Reading mailboxes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Mailbox

FIELDS: FilterFields = {
    "id": Field("id", Mailbox.id),
    "name": Field("text", Mailbox.name),
    "address": Field("text", Mailbox.address),
    "status": Field("choice", Mailbox.status),
    "created_at": Field("instant", Mailbox.created_at),
    "updated_at": Field("instant", Mailbox.updated_at),
}
ORDERS = {
    "created_at": Order(Mailbox.created_at, datetime),
    "updated_at": Order(Mailbox.updated_at, datetime),
    "name": Order(Mailbox.name, str),
}


async def get_mailbox(session: AsyncSession, mailbox_id: UUID, *, lock: bool = False) -> Mailbox:
    """The mailbox, locked for a change if asked. Raises NotFound."""
    mailbox = await session.get(Mailbox, mailbox_id, with_for_update=lock or None)
    if mailbox is None:
        raise NotFound(f"There is no mailbox {mailbox_id}")
    return mailbox


async def list_mailboxes(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the mailboxes that are not archived."""
    statement = filtered(unarchived(Mailbox), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Mailbox.id, orders=ORDERS, default="name")
