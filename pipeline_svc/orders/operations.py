"""Writing orders: their birth (set-based, for one and for many), changes of fields and lines, archive and restore."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.contracts import ExternalId
from services.database import birth, context_of, now
from services.errors import Conflict, Refusal, invalid_field
from services.events.pipeline import OrderArchived, OrderChanged, OrderCreated, OrderPlaced, OrderRestored, OrderState
from services.external_ids import claim, release
from services.identifiers import new_id
from services.kept_statements import KeptInsert
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.tenants import Tenant, business_day, get_tenant

from . import pricing, rules
from .models import Order
from .queries import get_order
from .schemas import OrderCreate, OrderPatch, OrderRead

NOUN = "order"
COUNTERS = ("fulfilled_quantity", "returned_quantity")
INSERT = insert(Order.__table__)  # type: ignore[arg-type]
WRITE = KeptInsert(INSERT, *(column.key for column in Order.__table__.columns if column.computed is None))
INSERT_WHERE_FREE = INSERT.on_conflict_do_nothing(index_elements=["tenant_id", "number"]).returning(Order.__table__.c.id)
LINKS = frozenset({"call_id", "opportunity_id", "quote_id", "campaign_id"})
PLAIN = LINKS | {"contact_id", "number", "channel", "referral_code", "owner_id", "is_test", "tags"}
"""The columns that a create and a patch set as they are sent."""


class NumberIsTaken(Conflict):
    """Another order of the tenant has this number."""

    code = "number_taken"


class ExternalIdIsTaken(Conflict):
    """Another order of the tenant bears this external id."""

    code = "external_id_taken"


Values = dict[str, Any]
"""The row of an order, as it is written."""


def state_of(order: Order | Values) -> OrderState:
    """The public state of an order or of its row."""
    return OrderState.model_validate(order)


async def create_order(session: AsyncSession, order: OrderCreate) -> OrderRead:
    """Write one new order and its event. Raises Invalid, NumberIsTaken, ExternalIdIsTaken, TooLarge, Unavailable."""
    order_id = new_id()
    bearers = await claim(session, NOUN, [(key, order_id) for key in order.external_ids])
    (answer,) = await create_orders(session, [(order_id, order)], bearers=bearers)
    if isinstance(answer, Refusal):
        raise answer
    return OrderRead.model_validate(answer)


async def create_orders(
    session: AsyncSession, births: Sequence[tuple[UUID, OrderCreate]], *, bearers: Mapping[ExternalId, UUID]
) -> list[Values | Refusal]:
    """Write new orders under the given ids, and their events: one statement each, whatever their number. Answers their rows.

    Their external ids were claimed for them (`bearers`). An order that is refused leaves nothing, and the others stand.
    """
    tenant = await get_tenant(session)
    answers: dict[UUID, Values | Refusal] = {}
    rows = []
    for order_id, order in births:
        try:
            _check_bears(order_id, order.external_ids, bearers)
            rows.append(_row(session, tenant, order_id, order))
        except Refusal as refusal:
            answers[order_id] = refusal
    if any(order.number for _, order in births):
        written = await _insert_where_free(session, rows)
        answers |= {row["id"]: NumberIsTaken("Another order has this number") for row in rows if row["id"] not in written}
        rows = [row for row in rows if row["id"] in written]
    elif rows:
        await WRITE.write(session, rows)
    today = business_day(tenant, now(session))
    await record_many(session, [(_written(row), _born(row, today), row["placed_at"]) for row in rows])
    answers |= {row["id"]: row for row in rows}
    refused = {order_id for order_id, answer in answers.items() if isinstance(answer, Refusal)}
    await release(session, NOUN, [(key, bearer) for key, bearer in bearers.items() if bearer in refused])
    return [answers[order_id] for order_id, _ in births]


async def change_order(session: AsyncSession, order_id: UUID, patch: OrderPatch, if_match: str | None) -> Order:
    """Change fields or lines. Raises NotFound, PreconditionMissing, Stale, and what `apply_changes` raises."""
    order = await get_order(session, order_id, lock=True)
    check_version(order.version, if_match)
    return await apply_changes(session, order, patch)


async def apply_changes(session: AsyncSession, order: Order, patch: OrderPatch) -> Order:
    """Change what the patch changes of a locked order; nothing is published where that is nothing.

    Raises Invalid, WrongState, LessThanWasFulfilled, LessThanWasPaid, NumberIsTaken, ExternalIdIsTaken, TooLarge.
    """
    changes = await decide_changes(session, order, patch)
    if not changes:
        return order
    rules.check_can_change(order)
    await _swap_external_ids(session, order, changes)
    for name, value in changes.items():
        setattr(order, name, value)
    try:
        await record(session, order, OrderChanged(state=state_of(order), occurred_on=await _today(session)))
    except IntegrityError as error:
        raise NumberIsTaken("Another order has this number") from error
    return order


async def decide_changes(session: AsyncSession, order: Order, patch: OrderPatch) -> dict[str, Any]:
    """The columns that a patch changes, with their new values. Raises as `apply_changes` does."""
    sent = patch.model_fields_set
    wanted = {name: getattr(patch, name) for name in sent & PLAIN}
    if "external_ids" in sent:
        wanted["external_ids"] = [key.model_dump() for key in patch.external_ids]
    if "lines" in sent:
        wanted |= _line_changes(order, patch)
    if "placed_at" in sent:
        if order.placed_at is None:
            raise invalid_field("/placed_at", "draft", "A draft is placed by the verb place")
        wanted["placed_at"] = rules.decide_instant("place", patch.placed_at, now=now(session), pointer="/placed_at")
        wanted["placed_on"] = business_day(await get_tenant(session), patch.placed_at)
    return {name: value for name, value in wanted.items() if getattr(order, name) != value}


async def archive_order(session: AsyncSession, order_id: UUID) -> Order:
    """Hide from lists; it stays what it is, a purchase perhaps. Raises NotFound."""
    order = await get_order(session, order_id, lock=True)
    if order.archived_at is None:
        order.archived_at = now(session)
        await record(session, order, OrderArchived(state=state_of(order), occurred_on=await _today(session)))
    return order


async def restore_order(session: AsyncSession, order_id: UUID) -> Order:
    """Bring back to lists. Raises NotFound."""
    order = await get_order(session, order_id, lock=True)
    if order.archived_at is not None:
        order.archived_at = None
        await record(session, order, OrderRestored(state=state_of(order), occurred_on=await _today(session)))
    return order


def _row(session: AsyncSession, tenant: Tenant, order_id: UUID, order: OrderCreate) -> Values:
    """The row of an order that is being born. Raises Invalid, TooLarge."""
    key = f"{context_of(session).tenant_id}:{order.contact_id}"
    row = {**birth(session, order_id, partition_key=key), **{name: getattr(order, name) for name in PLAIN}}
    is_draft = order.status == "draft"
    placed_at = None if is_draft else rules.decide_instant("place", order.placed_at, now=row["created_at"], pointer="/placed_at")
    day = business_day(tenant, placed_at or row["created_at"])
    lines = pricing.price_lines(order.lines, order.total_minor)
    for line in lines:
        line |= {"fulfilled_quantity": line["quantity"] if order.fulfilled else 0, "returned_quantity": 0}
    total, margin = pricing.sum_lines(lines)
    paid = total if order.paid else 0
    external_ids = [key.model_dump() for key in order.external_ids]
    rules.check_fits_events(lines, beside=[order.tags, external_ids])
    return row | {
        "number": order.number or rules.order_number(order_id, day),
        "currency": order.currency,
        "status": order.status,
        "placed_at": placed_at,
        "placed_on": day if placed_at else None,
        "lines": lines,
        "total_minor": total,
        "margin_minor": margin,
        "paid_minor": paid,
        "refunded_minor": 0,
        "payment_status": rules.payment_status(total, paid, 0),
        "fulfilment_status": rules.fulfilment_status(lines),
        "external_ids": external_ids,
    }


def _born(row: Values, today: date) -> OrderPlaced | OrderCreated:
    """The birth event: one, also for an order that is born paid and fulfilled."""
    if row["placed_on"] is None:
        return OrderCreated(state=state_of(row), occurred_on=today)
    return OrderPlaced(state=state_of(row), occurred_on=row["placed_on"])


def _written(row: Values) -> Written:
    return Written(row["id"], row["version"], row["partition_key"], row["updated_at"])


async def _insert_where_free(session: AsyncSession, rows: list[Values]) -> set[UUID]:
    """Insert the rows whose number nobody has; their ids. In the order of numbers, so that two batches cannot lock each other out."""
    if not rows:
        return set()
    return set(await session.scalars(INSERT_WHERE_FREE, sorted(rows, key=lambda row: str(row["number"]))))


def _line_changes(order: Order, patch: OrderPatch) -> dict[str, Any]:
    """What new lines change: the lines, the sums, and how money and goods stand."""
    wanted = pricing.price_lines(patch.lines, None)
    if wanted == [{name: value for name, value in line.items() if name not in COUNTERS} for line in order.lines]:
        return {}
    rules.check_can_change(order)
    total, margin = pricing.sum_lines(wanted)
    lines = rules.changed_lines(order, wanted, total_minor=total)
    rules.check_fits_events(lines, beside=[order.tags, order.external_ids])
    return {
        "lines": lines,
        "total_minor": total,
        "margin_minor": margin,
        "payment_status": rules.payment_status(total, order.paid_minor, order.refunded_minor),
        "fulfilment_status": rules.fulfilment_status(lines),
    }


def _check_bears(order_id: UUID, keys: Sequence[ExternalId], bearers: Mapping[ExternalId, UUID]) -> None:
    for key in keys:
        if bearers[key] != order_id:
            raise ExternalIdIsTaken(f"The order {bearers[key]} bears {key.source}/{key.id} already")


async def _swap_external_ids(session: AsyncSession, order: Order, changes: Mapping[str, Any]) -> None:
    if "external_ids" not in changes:
        return
    before = {ExternalId(**key) for key in order.external_ids}
    after = {ExternalId(**key) for key in changes["external_ids"]}
    _check_bears(order.id, list(after - before), await claim(session, NOUN, [(key, order.id) for key in after - before]))
    await release(session, NOUN, [(key, order.id) for key in before - after])


async def _today(session: AsyncSession) -> date:
    return business_day(await get_tenant(session), now(session))
