"""Keeping the customers: the handlers that turn events into facts, and facts into statistics."""

from collections.abc import Sequence

from sqlalchemy import Text, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.facts.models import Fact
from analytics_svc.facts.operations import add_order_facts, add_signal_facts
from analytics_svc.scores.operations import ask_for_scores
from services.database import context_of
from services.deliveries import Delivery

from .purchases import LISTED, listed, statistics_sql

AT_ONCE = 2_000

LOCK_SPACE = 7107
ONE_AT_A_TIME = text(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, hashtext(:tenant))")
RECOMPUTE = text(
    """
INSERT INTO customer_stats (tenant_id, contact_id, currency, first_on, last_on, purchase_days, repeat_days, spend_days, spend_minor,
                            orders, orders_without_rate, revenue_minor, last_spend_minor, costed_revenue_minor, costed_margin_minor)
SELECT :tenant_id, listed.contact_id, currency, first_on, last_on, coalesce(purchase_days, 0), coalesce(repeat_days, 0),
       coalesce(spend_days, 0), coalesce(spend_minor, 0), coalesce(orders, 0), coalesce(orders_without_rate, 0),
       coalesce(revenue_minor, 0), coalesce(last_spend_minor, 0), coalesce(costed_revenue_minor, 0), coalesce(costed_margin_minor, 0)
FROM /*listed*/ LEFT JOIN (/*statistics*/) AS found ON found.contact_id = listed.contact_id
ON CONFLICT (tenant_id, contact_id) DO UPDATE SET
    (currency, first_on, last_on, purchase_days, repeat_days, spend_days, spend_minor,
     orders, orders_without_rate, revenue_minor, last_spend_minor, costed_revenue_minor, costed_margin_minor) =
    (excluded.currency, excluded.first_on, excluded.last_on, excluded.purchase_days, excluded.repeat_days, excluded.spend_days,
     excluded.spend_minor, excluded.orders, excluded.orders_without_rate, excluded.revenue_minor, excluded.last_spend_minor,
     excluded.costed_revenue_minor, excluded.costed_margin_minor)
""".replace("/*listed*/", LISTED).replace("/*statistics*/", statistics_sql(of_listed=True))
).bindparams(bindparam("tenant_id", type_=Uuid), bindparam("contact_ids", type_=Text))


async def on_order(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Add the facts of order events and bring the customers that they touch up to date."""
    contact_ids = await add_order_facts(session, deliveries)
    await recompute_customers(session, contact_ids)
    await ask_for_scores(session, contact_ids)


async def on_signal(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Add the facts of events that say something of a customer without being a purchase, and have the customer scored."""
    contact_ids = await add_signal_facts(session, deliveries)
    if contact_ids:
        await ask_for_scores(session, contact_ids)


async def on_tenant(session: AsyncSession, _deliveries: Sequence[Delivery]) -> None:
    """Bring a tenant's customers up to date when its currency becomes known: its orders may have come before it did."""
    await recompute_all(session)


async def recompute_all(session: AsyncSession) -> int:
    """Bring every customer of the tenant up to date from the facts; answers how many there are."""
    contact_ids = list(await session.scalars(select(Fact.contact_id).distinct().order_by(Fact.contact_id)))
    for start in range(0, len(contact_ids), AT_ONCE):
        part = listed(contact_ids[start : start + AT_ONCE])
        await recompute_customers(session, part)
        await ask_for_scores(session, part)
    return len(contact_ids)


async def recompute_customers(session: AsyncSession, contact_ids: str) -> None:
    """Work out the statistics of contacts (`listed`) anew from all facts and write them, set-based.

    Two transactions may bring facts of one customer (orders of two partitions): each inserts its facts, then takes the tenant's
    lock, then reads the facts in a statement that starts after the lock was given. So whoever comes second sees what the first
    committed, and the last to commit has seen everything. One lock for the tenant rather than one for each customer's row: it
    costs a tenth, a new customer is written once, and one consumer carries more events than a tenant has.
    """
    tenant_id = context_of(session).tenant_id
    await session.execute(ONE_AT_A_TIME, {"tenant": str(tenant_id)})
    await session.execute(RECOMPUTE, {"tenant_id": tenant_id, "contact_ids": contact_ids})
