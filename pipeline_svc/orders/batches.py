"""What a batch does with orders: creates and upserts written set-based, the rest one by one."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome, attempt
from services.contracts import ExternalId
from services.errors import Conflict, Refusal
from services.external_ids import claim
from services.identifiers import new_id

from . import operations, pricing, rules
from .models import Order
from .queries import find_orders, get_order
from .schemas import OrderCreate, OrderLineWrite, OrderPatch


class CurrencyIsFixed(Conflict):
    """The currency of an order is that of its birth."""

    code = "currency_fixed"


async def create_each(session: AsyncSession, orders: Sequence[OrderCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    births = [(new_id(), order) for order in orders]
    bearers = await claim(session, operations.NOUN, [(key, order_id) for order_id, order in births for key in order.external_ids])
    made = await operations.create_orders(session, births, bearers=bearers)
    return [_outcome(answer, 201) for answer in made]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, OrderCreate]]) -> list[Outcome | Refusal]:
    """Create the orders whose external id nobody bears yet; hold the others against what is known of them.

    Equal content (of the fields sent) changes nothing. Other content is a change of fields and lines under the rules of a patch. How
    an order was born is no content: an order that has moved on since is as it should be, one that lags behind is refused.
    """
    births = [(new_id(), order.model_copy(update={"external_ids": _with(key, more=order.external_ids)})) for key, order in items]
    bearers = await claim(session, operations.NOUN, [(order.external_ids[0], order_id) for order_id, order in births])
    fresh = [(order_id, order) for order_id, order in births if bearers[order.external_ids[0]] == order_id]
    bearers |= await claim(session, operations.NOUN, [(key, order_id) for order_id, order in fresh for key in order.external_ids[1:]])
    made = await operations.create_orders(session, fresh, bearers=bearers)
    new = {order_id: answer for (order_id, _), answer in zip(fresh, made, strict=True)}
    bearing = [bearers[order.external_ids[0]] for _, order in births]
    known = await find_orders(session, [bearer for (order_id, _), bearer in zip(births, bearing, strict=True) if bearer != order_id])
    answers: list[Outcome | Refusal] = []
    for (order_id, order), bearer in zip(births, bearing, strict=True):
        first = new.get(bearer)
        if bearer == order_id or isinstance(first, Refusal):  # who comes second under a refused key shares its answer
            answers.append(_outcome(new[bearer], 201))
        else:
            answers.append(await _hold_against(session, bearer, order, known=known))
    return answers


async def change_each(session: AsyncSession, order_id: UUID, patch: OrderPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    order = await operations.change_order(session, order_id, patch, if_match)
    return Outcome(200, order.id, order.version)


async def archive_each(session: AsyncSession, order_id: UUID) -> Outcome:
    """Archive for a batch."""
    order = await operations.archive_order(session, order_id)
    return Outcome(200, order.id, order.version)


async def _hold_against(session: AsyncSession, order_id: UUID, wanted: OrderCreate, *, known: dict[UUID, Order]) -> Outcome | Refusal:
    """One upsert of an order that exists. It is locked where something differs, and then no longer as it was `known`."""
    try:
        if wanted.lines is not None and wanted.total_minor is not None:
            pricing.price_lines(wanted.lines, wanted.total_minor)
        if order_id in known and await _is_as_told(session, known[order_id], wanted):
            return Outcome(200, order_id, known[order_id].version)
    except Refusal as refusal:
        return refusal
    known.pop(order_id, None)
    return await attempt(session, _change(session, order_id, wanted))


async def _is_as_told(session: AsyncSession, known: Order, wanted: OrderCreate) -> bool:
    _check_currency(known, wanted)
    if await operations.decide_changes(session, known, _patch(known, wanted)):
        return False
    _check_has_reached(known, wanted)
    return True


async def _change(session: AsyncSession, order_id: UUID, wanted: OrderCreate) -> Outcome:
    order = await get_order(session, order_id, lock=True)
    _check_currency(order, wanted)
    await operations.apply_changes(session, order, _patch(order, wanted))
    _check_has_reached(order, wanted)
    return Outcome(200, order.id, order.version)


def _patch(known: Order, wanted: OrderCreate) -> OrderPatch:
    """The patch that an upsert means: the fields sent, their lines, and the external ids added to those that are known."""
    values = {name: getattr(wanted, name) for name in wanted.model_fields_set & OrderPatch.model_fields.keys()}
    if wanted.number is None:
        values.pop("number", None)
    if wanted.placed_at is None or known.placed_at is None:  # a draft is placed by its verb
        values.pop("placed_at", None)
    values["lines"] = wanted.lines or [OrderLineWrite(amount_minor=wanted.total_minor)]
    values["external_ids"] = _with(*(ExternalId(**key) for key in known.external_ids), more=wanted.external_ids)
    return OrderPatch.model_construct(set(values), **values)


def _with(*keys: ExternalId, more: Sequence[ExternalId]) -> list[ExternalId]:
    return list(dict.fromkeys([*keys, *more]))


def _check_currency(known: Order, wanted: OrderCreate) -> None:
    if known.currency != wanted.currency:
        raise CurrencyIsFixed(f"The order is in {known.currency}, and so it stays")


def _check_has_reached(known: Order, wanted: OrderCreate) -> None:
    rules.check_has_reached(known, status=wanted.status, paid=wanted.paid, fulfilled=wanted.fulfilled)


def _outcome(answer: operations.Values | Refusal, status: int) -> Outcome | Refusal:
    return answer if isinstance(answer, Refusal) else Outcome(status, answer["id"], answer["version"])


VERBS = BatchVerbs(OrderCreate, OrderPatch, create_each, upsert_each, change_each, archive_each)
