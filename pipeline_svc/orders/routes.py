"""The HTTP routes of orders."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import batches, movements, operations, queries
from .models import Order
from .schemas import Cancellation, Goods, Moment, Money, OrderCreate, OrderPatch, OrderRead

router = Router("orders", prefix="/v1/orders")


@router.operation("GET", "", name="list", scope="orders:read", response_model=Page[OrderRead])
async def list_orders(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List orders. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(OrderRead, await queries.list_orders(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="orders:read", response_model=Page[OrderRead])
async def search_orders(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(OrderRead, await queries.list_orders(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="orders:write", response_model=OrderRead, status_code=201)
async def create_order(session: SessionDep, response: Response, body: OrderCreate) -> OrderRead:
    """Create a draft, or an order born placed. Errors: 409 for a number or external id that is taken, 413, 422."""
    order = await operations.create_order(session, body)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/batch", name="batch", scope="orders:write", response_model=BatchAnswer)
async def batch_orders(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, batches.VERBS)


@router.operation("GET", "/{order_id}", name="get", scope="orders:read", response_model=OrderRead)
async def get_order(session: SessionDep, order_id: UUID) -> Response:
    """Read an order. Errors: 404."""
    return await show_record(session, Order, order_id, schema=OrderRead, noun="order")


@router.operation("PATCH", "/{order_id}", name="update", scope="orders:write", response_model=OrderRead)
async def change_order(session: SessionDep, response: Response, order_id: UUID, body: OrderPatch, if_match: IfMatch = None) -> Order:
    """Change fields or lines before completion. Errors: 404, 409 below what was delivered or paid, 412, 413, 422, 428."""
    order = await operations.change_order(session, order_id, body, if_match)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/place", name="place", scope="orders:write", response_model=OrderRead)
async def place_order(session: SessionDep, response: Response, order_id: UUID, body: Moment = Moment()) -> Order:
    """Make a draft a purchase. Errors: 404, 409 when it is none, 422."""
    order = await movements.place_order(session, order_id, at=body.at)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/pay", name="pay", scope="orders:write", response_model=OrderRead)
async def pay_order(session: SessionDep, response: Response, order_id: UUID, body: Money = Money()) -> Order:
    """Take money, by default all that is due. Errors: 404, 409 when less or nothing is due, 422."""
    order = await movements.pay_order(session, order_id, body.amount_minor, at=body.at)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/fulfill", name="fulfill", scope="orders:write", response_model=OrderRead)
async def fulfill_order(session: SessionDep, response: Response, order_id: UUID, body: Goods = Goods()) -> Order:
    """Hand over goods, by default all that is open. Errors: 404, 409 when less or nothing is open, 422."""
    order = await movements.fulfill_order(session, order_id, body.lines, at=body.at)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/refund", name="refund", scope="orders:write", response_model=OrderRead)
async def refund_order(session: SessionDep, response: Response, order_id: UUID, body: Money = Money()) -> Order:
    """Give money back, by default all that is left. Errors: 404, 409 when less or nothing is left, 422."""
    order = await movements.refund_order(session, order_id, body.amount_minor, at=body.at)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/return", name="return", scope="orders:write", response_model=OrderRead)
async def return_order(session: SessionDep, response: Response, order_id: UUID, body: Goods = Goods()) -> Order:
    """Take goods back, by default all that are out. Errors: 404, 409 when less or nothing is out, 422."""
    order = await movements.return_order(session, order_id, body.lines, at=body.at)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/complete", name="complete", scope="orders:write", response_model=OrderRead)
async def complete_order(session: SessionDep, response: Response, order_id: UUID, body: Moment = Moment()) -> Order:
    """End the work on a placed order; money and returned goods may still move. Errors: 404, 409, 422."""
    order = await movements.complete_order(session, order_id, at=body.at)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/cancel", name="cancel", scope="orders:write", response_model=OrderRead)
async def cancel_order(session: SessionDep, response: Response, order_id: UUID, body: Cancellation = Cancellation()) -> Order:
    """Call an order off. Errors: 404, 409 while goods are out or money is in, 422."""
    order = await movements.cancel_order(session, order_id, at=body.at, reason_id=body.reason_id)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/archive", name="archive", scope="orders:write", response_model=OrderRead)
async def archive_order(session: SessionDep, response: Response, order_id: UUID) -> Order:
    """Hide an order from lists. Errors: 404."""
    order = await operations.archive_order(session, order_id)
    stamp(response, "order", order)
    return order


@router.operation("POST", "/{order_id}/restore", name="restore", scope="orders:write", response_model=OrderRead)
async def restore_order(session: SessionDep, response: Response, order_id: UUID) -> Order:
    """Bring an order back to lists. Errors: 404."""
    order = await operations.restore_order(session, order_id)
    stamp(response, "order", order)
    return order
