"""Keeping the customers: the handlers that turn order events into facts, and facts into statistics."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from uuid import UUID

from sqlalchemy import ARRAY, Subquery, Uuid, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.facts.models import Fact
from analytics_svc.facts.operations import add_order_facts
from analytics_svc.scores.operations import ask_for_scores
from services.database import context_of
from services.deliveries import Delivery

from . import purchases
from .models import CustomerStats
from .rules import Statistics

COLUMNS = tuple(field.name for field in fields(Statistics))
AT_ONCE = 2_000


async def on_order(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Add the facts of order events and bring the customers that they touch up to date."""
    contact_ids = await add_order_facts(session, deliveries)
    await recompute_customers(session, contact_ids)
    await ask_for_scores(session, contact_ids)


async def on_tenant(session: AsyncSession, _deliveries: Sequence[Delivery]) -> None:
    """Bring a tenant's customers up to date when its currency becomes known: its orders may have come before it did."""
    await recompute_all(session)


async def recompute_all(session: AsyncSession) -> int:
    """Bring every customer of the tenant up to date from the facts; answers how many there are."""
    contact_ids = list(await session.scalars(select(Fact.contact_id).distinct().order_by(Fact.contact_id)))
    for start in range(0, len(contact_ids), AT_ONCE):
        part = contact_ids[start : start + AT_ONCE]
        await recompute_customers(session, part)
        await ask_for_scores(session, part)
    return len(contact_ids)


async def recompute_customers(session: AsyncSession, contact_ids: Sequence[UUID]) -> None:
    """Work out the statistics of contacts (ids in order) anew from all facts and write them, set-based.

    Two transactions may bring facts of one customer (orders of two partitions): each inserts its facts, then locks the customer's
    row, then reads the facts in a statement that starts after the lock was given. So whoever comes second sees what the first
    committed, and the last to commit has seen everything. The rows are locked in the order of the ids, so that two batches
    cannot wait for each other.
    """
    await _lock(session, contact_ids)
    found = _found(contact_ids)
    values = {name: found.c[name] for name in COLUMNS}
    await session.execute(update(CustomerStats).where(CustomerStats.contact_id == found.c.contact_id).values(values))


async def _lock(session: AsyncSession, contact_ids: Sequence[UUID]) -> None:
    """Lock the rows of contacts, and make those that are not there yet. Two statements: the second sees rows made meanwhile."""
    nothing = {name: literal(value) for name, value in asdict(Statistics(None)).items() if value is not None}
    contact_id = func.unnest(literal(list(contact_ids), ARRAY(Uuid)))
    fresh = select(literal(context_of(session).tenant_id), contact_id, *nothing.values())
    await session.execute(insert(CustomerStats).from_select(["tenant_id", "contact_id", *nothing], fresh).on_conflict_do_nothing())
    await session.execute(
        select(literal(1))
        .select_from(CustomerStats)
        .where(CustomerStats.contact_id == any_(literal(list(contact_ids), ARRAY(Uuid))))
        .order_by(CustomerStats.contact_id)
        .with_for_update()
    )


def _found(contact_ids: Sequence[UUID]) -> Subquery:
    """A row for each contact: its statistics, or those of somebody who bought nothing."""
    found = purchases.statistics(contact_ids=contact_ids).subquery("found")
    known = select(func.unnest(literal(list(contact_ids), ARRAY(Uuid))).label("contact_id")).subquery("known")
    plain = {name: found.c[name] if name in ("first_on", "last_on") else func.coalesce(found.c[name], 0) for name in COLUMNS}
    columns = plain | {"currency": purchases.TENANT_CURRENCY}
    return (
        select(known.c.contact_id, *(value.label(name) for name, value in columns.items()))
        .select_from(known.outerjoin(found, found.c.contact_id == known.c.contact_id))
        .subquery("recomputed")
    )
