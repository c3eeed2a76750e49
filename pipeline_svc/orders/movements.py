"""The verbs that move an order, its money and its goods: each locks the order, asks the rules, changes it and tells of it once."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.events.pipeline import (
    MovedLine,
    OrderCancelled,
    OrderCompleted,
    OrderFulfilled,
    OrderPaid,
    OrderPlaced,
    OrderRefunded,
    OrderReturned,
)
from services.outbox import record
from services.tenants import business_day, get_tenant

from . import rules
from .models import Order
from .operations import state_of
from .queries import get_order
from .schemas import LineQuantity


async def place_order(session: AsyncSession, order_id: UUID, *, at: datetime | None = None) -> Order:
    """Make a draft a purchase. Raises NotFound, WrongState, Invalid."""
    order, at, on = await _begin(session, order_id, "place", at=at)
    order.status, order.placed_at, order.placed_on = "placed", at, on
    await record(session, order, OrderPlaced(state=state_of(order), occurred_on=on), occurred_at=at)
    return order


async def pay_order(session: AsyncSession, order_id: UUID, amount_minor: int | None, *, at: datetime | None = None) -> Order:
    """Take money, by default all that is due. Raises NotFound, WrongState, MoreThanIsDue, Invalid."""
    order, at, on = await _begin(session, order_id, "pay", at=at)
    amount = rules.decide_payment(order, amount_minor)
    order.paid_minor += amount
    _restate_payment(order)
    await record(session, order, OrderPaid(state=state_of(order), occurred_on=on, amount_minor=amount, at=at), occurred_at=at)
    return order


async def refund_order(session: AsyncSession, order_id: UUID, amount_minor: int | None, *, at: datetime | None = None) -> Order:
    """Give money back, by default all that is left of it. Raises NotFound, WrongState, MoreThanWasPaid, Invalid."""
    order, at, on = await _begin(session, order_id, "refund", at=at)
    amount = rules.decide_refund(order, amount_minor)
    order.refunded_minor += amount
    _restate_payment(order)
    await record(session, order, OrderRefunded(state=state_of(order), occurred_on=on, amount_minor=amount, at=at), occurred_at=at)
    return order


async def fulfill_order(
    session: AsyncSession, order_id: UUID, lines: Sequence[LineQuantity] | None, *, at: datetime | None = None
) -> Order:
    """Hand over goods, by default all that is open. Raises NotFound, WrongState, MoreThanIsOpen, Invalid."""
    order, at, on = await _begin(session, order_id, "fulfill", at=at)
    movement = rules.decide_fulfilment(order.lines, _by_number(lines))
    order.lines = rules.moved(order.lines, movement, counter="fulfilled_quantity")
    order.fulfilment_status = rules.fulfilment_status(order.lines)
    await record(session, order, OrderFulfilled(state=state_of(order), occurred_on=on, lines=_told(movement)), occurred_at=at)
    return order


async def return_order(session: AsyncSession, order_id: UUID, lines: Sequence[LineQuantity] | None, *, at: datetime | None = None) -> Order:
    """Take goods back, by default all that are out. Raises NotFound, WrongState, MoreThanWasFulfilled, Invalid."""
    order, at, on = await _begin(session, order_id, "return", at=at)
    movement = rules.decide_return(order.lines, _by_number(lines))
    order.lines = rules.moved(order.lines, movement, counter="returned_quantity")
    order.fulfilment_status = rules.fulfilment_status(order.lines)
    await record(session, order, OrderReturned(state=state_of(order), occurred_on=on, lines=_told(movement)), occurred_at=at)
    return order


async def complete_order(session: AsyncSession, order_id: UUID, *, at: datetime | None = None) -> Order:
    """End the work on an order. Raises NotFound, WrongState, Invalid."""
    order, at, on = await _begin(session, order_id, "complete", at=at)
    order.status = "completed"
    await record(session, order, OrderCompleted(state=state_of(order), occurred_on=on), occurred_at=at)
    return order


async def cancel_order(session: AsyncSession, order_id: UUID, *, at: datetime | None = None, reason_id: UUID | None = None) -> Order:
    """Call an order off, once nothing of it is with either side. Raises NotFound, WrongState, Invalid."""
    order, at, on = await _begin(session, order_id, "cancel", at=at)
    order.status = "cancelled"
    await record(session, order, OrderCancelled(state=state_of(order), occurred_on=on, reason_id=reason_id), occurred_at=at)
    return order


async def _begin(session: AsyncSession, order_id: UUID, verb: str, *, at: datetime | None) -> tuple[Order, datetime, date]:
    """The locked order, if the verb fits it; when it happens, and on which day in the tenant's zone."""
    order = await get_order(session, order_id, lock=True)
    rules.check_fits(verb, order)
    happened_at = rules.decide_instant(verb, at, now=now(session), placed_at=order.placed_at)
    return order, happened_at, business_day(await get_tenant(session), happened_at)


def _restate_payment(order: Order) -> None:
    order.payment_status = rules.payment_status(order.total_minor, order.paid_minor, order.refunded_minor)


def _by_number(lines: Sequence[LineQuantity] | None) -> dict[int, int] | None:
    return None if lines is None else {line.line_no: line.quantity for line in lines}


def _told(movement: dict[int, int]) -> list[MovedLine]:
    return [MovedLine(line_no=line_no, quantity=quantity) for line_no, quantity in movement.items()]
