"""Reading tickets."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, literal_column
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Ticket

FIELDS: FilterFields = {
    "id": Field("id", Ticket.id),
    "number": Field("number", Ticket.number),
    "subject_line": Field("text", Ticket.subject_line),
    "type": Field("choice", Ticket.type),
    "status": Field("choice", Ticket.status),
    "status_name": Field("text", Ticket.status_name),
    "priority": Field("choice", Ticket.priority),
    "queue_id": Field("id", Ticket.queue_id),
    "assignee_id": Field("id", Ticket.assignee_id),
    "contact_id": Field("id", Ticket.contact_id),
    "organization_id": Field("id", Ticket.organization_id),
    "product_id": Field("id", Ticket.product_id),
    "order_id": Field("id", Ticket.order_id),
    "parent_id": Field("id", Ticket.parent_id),
    "channel": Field("choice", Ticket.channel),
    "topic": Field("choice", Ticket.topic),
    "tags": Field("tags", Ticket.tags),
    "watchers": Field("tags", Ticket.watchers),
    "severity": Field("number", Ticket.complaint["severity"].as_integer()),
    "escalation_level": Field("number", Ticket.escalation_level),
    "reopened_count": Field("number", Ticket.reopened_count),
    "value_at_risk_minor": Field("number", Ticket.value_at_risk_minor),
    "opened_at": Field("instant", Ticket.opened_at),
    "pending_until_at": Field("instant", Ticket.pending_until_at),
    "first_responded_at": Field("instant", Ticket.first_responded_at),
    "resolved_at": Field("instant", Ticket.resolved_at),
    "closed_at": Field("instant", Ticket.closed_at),
    "created_at": Field("instant", Ticket.created_at),
    "updated_at": Field("instant", Ticket.updated_at),
}
ORDERS = {
    "created_at": Order(Ticket.created_at, datetime),
    "updated_at": Order(Ticket.updated_at, datetime),
    "opened_at": Order(Ticket.opened_at, datetime),
    "number": Order(Ticket.number, int),
}


async def get_ticket(session: AsyncSession, ticket_id: UUID, *, lock: bool = False) -> Ticket:
    """The ticket, locked for a change if asked. Raises NotFound."""
    ticket = await session.get(Ticket, ticket_id, with_for_update=lock or None)
    if ticket is None:
        raise NotFound(f"There is no ticket {ticket_id}")
    return ticket


async def list_tickets(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the tickets that are not archived."""
    statement = filtered(unarchived(Ticket), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Ticket.id, orders=ORDERS, default="-created_at")


def is_waiting() -> Sequence[ColumnElement[bool]]:
    """Whether a ticket waits for somebody to take it; the status in the words of the index, so that it serves."""
    return [Ticket.assignee_id.is_(None), Ticket.archived_at.is_(None), literal_column("ticket.status IN ('new', 'open')", Boolean)]
