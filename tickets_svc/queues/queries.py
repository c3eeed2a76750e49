"""Reading queues, and the case that comes next in one."""

from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound, invalid_field
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived
from services.references import ContactReference
from tickets_svc.tickets.models import Ticket
from tickets_svc.tickets.queries import is_waiting

from .models import Queue

FIELDS: FilterFields = {
    "id": Field("id", Queue.id),
    "name": Field("text", Queue.name),
    "tier": Field("number", Queue.tier),
    "team_ids": Field("tags", Queue.team_ids),
    "pull_by": Field("choice", Queue.pull_by),
    "status": Field("choice", Queue.status),
    "created_at": Field("instant", Queue.created_at),
    "updated_at": Field("instant", Queue.updated_at),
}
ORDERS = {
    "created_at": Order(Queue.created_at, datetime),
    "updated_at": Order(Queue.updated_at, datetime),
    "name": Order(Queue.name, str),
}
FIND_ACTIVE = select(Queue.__table__.c.id).where(Queue.id == any_(bindparam("ids", type_=ARRAY(Uuid))), Queue.status == "active")
URGENCY = case({"urgent": 0, "high": 1, "normal": 2}, value=Ticket.priority, else_=3)


async def get_queue(session: AsyncSession, queue_id: UUID, *, lock: bool = False) -> Queue:
    """The queue, locked for a change if asked. Raises NotFound."""
    queue = await session.get(Queue, queue_id, with_for_update=lock or None)
    if queue is None:
        raise NotFound(f"There is no queue {queue_id}")
    return queue


async def list_queues(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the queues that are not archived."""
    statement = filtered(unarchived(Queue), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Queue.id, orders=ORDERS, default="name")


async def take_next_case(session: AsyncSession, queue: Queue) -> Ticket | None:
    """The case of the queue that comes next, locked; cases that others are taking just now are passed over.

    What waited beyond the floor comes first, oldest first; then by expected loss (unknown last) or by priority; then by age.
    """
    order: list[Any] = []
    if queue.fairness_floor_minutes is not None:
        overdue = Ticket.opened_at < now(session) - timedelta(minutes=queue.fairness_floor_minutes)
        order += [overdue.desc(), case((overdue, Ticket.opened_at)).asc()]
    order += [ContactReference.value_at_risk_minor.desc().nulls_last()] if queue.pull_by == "expected_loss" else [URGENCY.asc()]
    statement = (
        select(Ticket)
        .outerjoin(ContactReference, ContactReference.contact_id == Ticket.contact_id)
        .where(Ticket.queue_id == queue.id, *is_waiting())
        .order_by(*order, Ticket.opened_at, Ticket.id)
        .limit(1)
        .with_for_update(of=Ticket, skip_locked=True)
    )
    return (await session.scalars(statement)).one_or_none()


async def find_active_queues(session: AsyncSession, queue_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the queues that are there and take tickets."""
    wanted = set(queue_ids)
    if not wanted:
        return set()
    return set(await session.scalars(FIND_ACTIVE, {"ids": list(wanted)}))


def check_queue(queue_id: UUID, active: Container[UUID]) -> None:
    """Raises Invalid for a queue that is not there, or that is retired."""
    if queue_id not in active:
        raise invalid_field("/queue_id", "unknown_queue", f"There is no active queue {queue_id}")
