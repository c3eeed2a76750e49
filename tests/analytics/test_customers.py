"""Facts become statistics by the rule of the house (entities.md, section 6), and values answer from them."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from services import migrating
from services.manifests import get_manifest
from tests.analytics.make import Order, events_of, publish
from tests.harness import Mitra

JAN, FEB, MARCH = date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 1)


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


async def statistics(mitra: Mitra, tenant_id: UUID, contact_id: UUID) -> dict[str, Any]:
    """The customer's row of the projection."""
    from analytics_svc.customers.models import CustomerStats

    async with mitra.session("analytics", tenant_id) as session:
        row = await session.get(CustomerStats, (tenant_id, contact_id))
        return {} if row is None else {c.key: getattr(row, c.key) for c in CustomerStats.__table__.columns}


def has(row: dict[str, Any], **expected: Any) -> bool:
    found = {name: row.get(name) for name in expected}
    assert found == expected
    return True


async def test_the_tables_and_the_database_agree(mitra: Mitra) -> None:
    history = migrating.history_of(get_manifest("analytics"))
    assert await migrating.drift(mitra.settings.owner_database("analytics"), history) == []


async def test_orders_of_one_day_are_one_purchase_day(mitra: Mitra, tenant_id: UUID) -> None:
    contact_id = uuid4()
    orders = [Order(tenant_id, contact_id).place(day, amount) for day, amount in ((JAN, 1000), (FEB, 250), (FEB, 500), (MARCH, 300))]
    await publish(mitra, events_of(orders))
    row = await statistics(mitra, tenant_id, contact_id)
    assert has(row, first_on=JAN, last_on=MARCH, purchase_days=3, repeat_days=2, spend_days=2, spend_minor=1050)
    assert has(row, orders=4, revenue_minor=2050, orders_without_rate=0, currency="USD")
