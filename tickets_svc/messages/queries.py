"""Reading messages."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered
from tickets_svc.mailboxes.queries import get_mailbox
from tickets_svc.tickets.queries import get_ticket

from .models import Message

FIELDS: FilterFields = {
    "id": Field("id", Message.id),
    "kind": Field("choice", Message.kind),
    "direction": Field("choice", Message.direction),
    "channel": Field("choice", Message.channel),
    "status": Field("choice", Message.status),
    "author_id": Field("id", Message.author_id),
    "auto_reply": Field("boolean", Message.auto_reply),
    "text": Field("text", Message.text),
    "happened_at": Field("instant", Message.happened_at),
    "created_at": Field("instant", Message.created_at),
}
ORDERS = {"happened_at": Order(Message.happened_at, datetime), "created_at": Order(Message.created_at, datetime)}
_message = Message.__table__.c
SAID = all_of(Message).where(_message.ticket_id == bindparam("ticket_id"))
CAME_IN = all_of(Message).where(_message.mailbox_id == bindparam("mailbox_id"), _message.direction == "in")


async def list_messages(session: AsyncSession, ticket_id: UUID, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of what was said under a ticket. Raises NotFound."""
    await get_ticket(session, ticket_id)
    statement = filtered(SAID, query, FIELDS, bindings=Bindings(me, now(session)), values={"ticket_id": ticket_id})
    return await fetch_page(session, statement, query, id_column=Message.id, orders=ORDERS, default="happened_at")


async def list_received(session: AsyncSession, mailbox_id: UUID, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of what came in through a mailbox. Raises NotFound."""
    await get_mailbox(session, mailbox_id)
    statement = filtered(CAME_IN, query, FIELDS, bindings=Bindings(me, now(session)), values={"mailbox_id": mailbox_id})
    return await fetch_page(session, statement, query, id_column=Message.id, orders=ORDERS, default="-happened_at")


async def find_last_received(session: AsyncSession, ticket_id: UUID | None) -> Message | None:
    """The last mail that joined a ticket."""
    came_in = select(Message).where(Message.ticket_id == ticket_id, Message.direction == "in", Message.status == "threaded")
    return (await session.scalars(came_in.order_by(Message.happened_at.desc(), Message.id.desc()).limit(1))).one_or_none()
