"""Moving contacts in the pyramid: by what happens in other services, by the clock, and by hand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from contacts_svc.contacts.models import Contact
from contacts_svc.contacts.operations import state_of, written
from contacts_svc.contacts.upserts import lock_contacts
from services.database import context_of, now
from services.deliveries import Delivery
from services.errors import NotFound
from services.events.contacts import ContactLifecycleChanged
from services.events.pipeline import OrderState
from services.events.platform import TenantChanged
from services.jobs import Work
from services.outbox import record_many
from services.tenants import activity_window
from services.timers import arm, arm_by

from . import rules
from .models import ContactOrder, ContactStanding
from .queries import bearers_of, find_standings
from .schemas import LifecycleSetting

Values = dict[str, Any]
Why = Mapping[str, Any]

DUE_JOB, ALL_JOB = "lifecycles_due", "lifecycles_all"
AT_A_TIME = 500
BY_RULE: Why = {"reason": "rule"}
_MOVED = ("lifecycle", "lifecycle_since", "lifecycle_override", "version", "updated_at")
_UPDATE = (
    update(Contact.__table__)  # type: ignore[arg-type]
    .where(Contact.__table__.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}", type_=Contact.__table__.c[name].type) for name in _MOVED})
)


async def on_dealings(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Move the contacts who bought, gave back or dealt with us.

    One handler for all of it, since a contact has one event in a transaction. What it keeps is told by the latest event of each order and
    the latest dealing of each contact, so the order in which subjects come does not matter. The contacts are locked first: who comes last
    sees what everybody wrote.
    """
    orders = {d.event.state.id: d for d in deliveries if isinstance(d.event.state, OrderState)}
    before = await bearers_of(session, orders)
    causes: dict[UUID, Why] = {}
    for delivery in deliveries:
        is_order = isinstance(delivery.event.state, OrderState)
        why = {"reason": "order" if is_order else "rule", "cause_event_id": delivery.envelope.id}
        touched = [*_contacts_of(delivery), *([before[delivery.event.state.id]] if delivery.event.state.id in before else [])]
        causes |= dict.fromkeys(touched, why)
    rows = await lock_contacts(session, list(causes))
    await _keep_orders(session, [delivery.event.state for delivery in orders.values()])
    await _keep(session, "interacted_at", _dealings(deliveries, known=rows))
    await settle(session, rows, causes)


def _contacts_of(delivery: Delivery) -> list[UUID]:
    """The contacts whom an event is about: an activity may name several, a ticket none."""
    state: Any = delivery.event.state
    named = getattr(state, "contact_ids", None) or [state.contact_id]
    return [contact_id for contact_id in named if contact_id is not None]


def _dealings(deliveries: Sequence[Delivery], *, known: Mapping[UUID, Values]) -> dict[UUID, datetime]:
    """When each known contact last dealt with us. A draft is our own paper, and a test is nobody's."""
    found: dict[UUID, datetime] = {}
    for delivery in deliveries:
        state = delivery.event.state
        if isinstance(state, OrderState) and (state.placed_at is None or state.is_test):
            continue
        for contact_id in _contacts_of(delivery):
            if contact_id in known:
                found[contact_id] = max(found.get(contact_id, delivery.envelope.time), delivery.envelope.time)
    return found


async def _keep_orders(session: AsyncSession, orders: Iterable[Any]) -> None:
    tenant_id = context_of(session).tenant_id
    rows = []
    for state in orders:
        at = rules.buys_at(state.status, state.payment_status, placed_at=state.placed_at, is_test=state.is_test)
        rows.append({"tenant_id": tenant_id, "order_id": state.id, "contact_id": state.contact_id, "bought_at": at})
    if rows:
        statement = insert(ContactOrder).values(sorted(rows, key=lambda row: row["order_id"]))
        kept = {name: statement.excluded[name] for name in ("contact_id", "bought_at")}
        await session.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "order_id"], set_=kept))


async def _keep(session: AsyncSession, name: str, values: Mapping[UUID, datetime | None], **others: None) -> None:
    """Write one column of the standing of contacts (and clear others)."""
    tenant_id = context_of(session).tenant_id
    rows = [{"tenant_id": tenant_id, "contact_id": each, name: values[each], **others} for each in sorted(values)]
    if rows:
        statement = insert(ContactStanding).values(rows)
        kept = {column: statement.excluded[column] for column in (name, *others)}
        await session.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "contact_id"], set_=kept))


async def settle(
    session: AsyncSession, rows: Mapping[UUID, Values], why: Mapping[UUID, Why], *, changes: Values | None = None
) -> dict[UUID, Values]:
    """Work out the lifecycle of locked contacts after `changes` by hand, write and tell what moved, and see to the timer.

    Answers the rows as they are then.
    """
    window, at = await activity_window(session), now(session)
    wanted = {contact_id: row | (changes or {}) for contact_id, row in rows.items()}
    standings = await find_standings(session, wanted)
    afters: dict[UUID, Values] = {}
    for contact_id, row in rows.items():
        after = wanted[contact_id]
        after["lifecycle"] = rules.decide_lifecycle(standings[contact_id], after["lifecycle"], window=window, now=at)
        if (after["lifecycle"], after["lifecycle_override"]) != (row["lifecycle"], row["lifecycle_override"]):
            after |= {"version": row["version"] + 1, "updated_at": max(at, row["updated_at"])}
            after |= {"lifecycle_since": at} if after["lifecycle"] != row["lifecycle"] else {}
        afters[contact_id] = after
    await _tell(session, [(rows[each], after, why[each]) for each, after in afters.items() if after["version"] != rows[each]["version"]])
    await _watch(session, {each: rules.active_until(standings[each], afters[each]["lifecycle"], window=window) for each in rows})
    return afters


async def _tell(session: AsyncSession, moves: Sequence[tuple[Values, Values, Why]]) -> None:
    if not moves:
        return
    rows = [{"row_id": after["id"]} | {f"new_{name}": after[name] for name in _MOVED} for _, after, _ in moves]
    await session.execute(_UPDATE, rows)
    facts = []
    for before, after, why in moves:
        changed = sorted(name for name in _MOVED[:3] if before[name] != after[name])
        move = {"from": before["lifecycle"], "to": after["lifecycle"], "state": state_of(after), "changed": changed}
        facts.append((written(after), ContactLifecycleChanged.model_validate({**move, **why}), None))
    await record_many(session, facts)


async def _watch(session: AsyncSession, until: Mapping[UUID, datetime | None]) -> None:
    """Keep until when contacts are active, and have the timer ring when the first of them no longer is."""
    await _keep(session, "active_until_at", until)
    due = [at for at in until.values() if at is not None]
    if due:
        await arm_by(session, DUE_JOB, "all", due=min(due))


async def pass_time(session: AsyncSession, work: Work) -> dict[str, int]:
    """The job: make customers inactive whose last purchase is too long ago, and wait for the next of them."""
    due = select(ContactStanding.contact_id).where(ContactStanding.active_until_at <= now(session))
    ids = (await session.scalars(due.order_by(ContactStanding.active_until_at).limit(AT_A_TIME))).all()
    rows = await lock_contacts(session, ids)
    await settle(session, rows, dict.fromkeys(rows, BY_RULE))
    next_due = await session.scalar(select(func.min(ContactStanding.active_until_at)))
    if next_due is not None:
        await arm_by(session, work.kind, work.key, due=next_due)
    return {"read": len(ids), "accepted": len(ids), "rejected": 0, "skipped": 0}


async def on_window(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Look at every customer again where a tenant counts customers as active for another time than before."""
    if any(isinstance(d.event, TenantChanged) and "activity_window_days" in d.event.changed for d in deliveries):
        await arm(session, ALL_JOB, "all")


async def look_at_all(session: AsyncSession, _work: Work) -> dict[str, int]:
    """The job: work out the lifecycle of everybody who ever bought."""
    read, last = 0, UUID(int=0)
    while True:
        bought = select(ContactOrder.contact_id).distinct().where(ContactOrder.contact_id > last, ContactOrder.bought_at.is_not(None))
        ids = (await session.scalars(bought.order_by(ContactOrder.contact_id).limit(AT_A_TIME))).all()
        if not ids:
            return {"read": read, "accepted": read, "rejected": 0, "skipped": 0}
        rows = await lock_contacts(session, ids)
        await settle(session, rows, dict.fromkeys(rows, BY_RULE))
        read, last = read + len(ids), ids[-1]


async def disqualify_contact(session: AsyncSession, contact_id: UUID, *, reason_code: str | None) -> Contact:
    """Move a suspect or prospect to the rest of the world. Raises NotFound, WrongState."""
    row = await _lock(session, contact_id)
    rules.check_move("disqualify", row["lifecycle"], is_held=row["lifecycle_override"] is not None)
    await _keep(session, "disqualified_at", {contact_id: now(session)})
    return await _settle_one(session, row, reason_code=reason_code)


async def requalify_contact(session: AsyncSession, contact_id: UUID, *, reason_code: str | None) -> Contact:
    """Make a contact of the rest of the world a suspect again: what it did before no longer counts. Raises NotFound, WrongState."""
    row = await _lock(session, contact_id)
    rules.check_move("requalify", row["lifecycle"], is_held=row["lifecycle_override"] is not None)
    await _keep(session, "disqualified_at", {contact_id: None}, interacted_at=None)
    return await _settle_one(session, row, reason_code=reason_code)


async def set_lifecycle(session: AsyncSession, contact_id: UUID, body: LifecycleSetting) -> Contact:
    """Hold a contact where a hand puts it, until it is let go. Raises NotFound."""
    row = await _lock(session, contact_id)
    changes = {"lifecycle": body.lifecycle, "lifecycle_override": body.reason_code}
    return await _settle_one(session, row, reason_code=body.reason_code, changes=changes)


async def clear_lifecycle(session: AsyncSession, contact_id: UUID) -> Contact:
    """Let a contact go to where the rules put it; one that nobody holds stays as it is. Raises NotFound."""
    row = await _lock(session, contact_id)
    return await _settle_one(session, row, changes={"lifecycle_override": None}) if row["lifecycle_override"] else Contact(**row)


async def _lock(session: AsyncSession, contact_id: UUID) -> Values:
    rows = await lock_contacts(session, [contact_id])
    if not rows:
        raise NotFound(f"There is no contact {contact_id}")
    return rows[contact_id]


async def _settle_one(session: AsyncSession, row: Values, *, reason_code: str | None = None, changes: Values | None = None) -> Contact:
    why = {row["id"]: {"reason": "manual", "reason_code": reason_code}}
    return Contact(**(await settle(session, {row["id"]: row}, why, changes=changes))[row["id"]])
