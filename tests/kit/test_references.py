"""What a service keeps of others: its tenants, and the contacts with their scores."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.contracts import Event
from services.database import Context
from services.deliveries import Delivery, handle
from services.errors import Unavailable
from services.events.analytics import CustomerScored, ScoreState
from services.events.contacts import ContactArchived, ContactCreated, ContactState, ContactUpdated, Origin
from services.events.platform import TenantChanged, TenantCreated, TenantState
from services.identifiers import new_id
from services.outbox import Written, envelope_of
from services.references import ContactReference, on_contact, on_scored
from services.tenants import Tenant, business_day, get_tenant, on_tenant
from tests.harness import Mitra

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def delivery(tenant_id: UUID, event: Event, sequence: int = 1) -> Delivery:
    envelope = envelope_of(Written(event.state.id, sequence, "k", AT), event, Context(tenant_id, "system:test", "c"))
    return Delivery.decode(envelope.to_json().decode())


def contact(contact_id: UUID, country: str | None = None, owner_id: UUID | None = None) -> ContactState:
    return ContactState(
        id=contact_id,
        created_at=AT,
        kind="person",
        country=country,
        owner_id=owner_id,
        lifecycle_since=AT,
        origin=Origin(source="web"),
    )


def scored(contact_id: UUID, value: int) -> CustomerScored:
    return CustomerScored(
        state=ScoreState(
            id=contact_id,
            created_at=AT,
            as_of=date(2026, 3, 2),
            scored_at=AT,
            currency="USD",
            horizon_days=364,
            discount_bps=1000,
            lifetime_value_minor=value,
            expected_purchases_milli=1,
            p_alive_bps=1,
            p_buys_bps=1,
            revenue_to_date_minor=1,
            margin_to_date_minor=1,
            model_ids=[],
        )
    )


async def receive(mitra: Mitra, handler: Callable[[AsyncSession, Sequence[Delivery]], Awaitable[None]], *deliveries: Delivery) -> None:
    async with mitra.session("demo", None) as session:
        await handle(session, deliveries, {Event: [handler]}, actor="system:demo_svc")
        await session.commit()


async def kept(mitra: Mitra, tenant_id: UUID) -> list[tuple[UUID, str | None, datetime | None, int | None]]:
    async with mitra.session("demo", tenant_id) as session:
        rows = await session.scalars(select(ContactReference))
        return [(row.contact_id, row.country, row.archived_at, row.lifetime_value_minor) for row in rows]


async def test_the_latest_event_of_a_contact_is_what_is_kept(mitra: Mitra) -> None:
    tenant_id, contact_id = await mitra.new_tenant(), new_id()
    born = ContactCreated(state=contact(contact_id, "DE"))
    moved = ContactUpdated(state=contact(contact_id, "FR"))
    gone = ContactArchived(state=contact(contact_id, "FR").model_copy(update={"archived_at": AT}))
    await receive(mitra, on_contact, delivery(tenant_id, born), delivery(tenant_id, moved, 2))
    assert await kept(mitra, tenant_id) == [(contact_id, "FR", None, None)]
    await receive(mitra, on_contact, delivery(tenant_id, gone, 3))
    assert await kept(mitra, tenant_id) == [(contact_id, "FR", AT, None)]


async def test_score_and_contact_may_come_in_either_order(mitra: Mitra) -> None:
    tenant_id, first, second = await mitra.new_tenant(), new_id(), new_id()
    await receive(mitra, on_scored, delivery(tenant_id, scored(first, 7)))
    await receive(mitra, on_contact, *(delivery(tenant_id, ContactCreated(state=contact(id_, "DE"))) for id_ in (first, second)))
    await receive(mitra, on_scored, delivery(tenant_id, scored(second, 8)), delivery(tenant_id, scored(first, 9), 2))
    assert sorted(await kept(mitra, tenant_id)) == [(first, "DE", None, 9), (second, "DE", None, 8)]


async def test_contacts_of_several_tenants_stay_apart(mitra: Mitra) -> None:
    contacts = {await mitra.new_tenant(): new_id() for _ in range(2)}
    await receive(mitra, on_contact, *(delivery(tenant_id, ContactCreated(state=contact(id_))) for tenant_id, id_ in contacts.items()))
    for tenant_id, contact_id in contacts.items():
        assert [row[0] for row in await kept(mitra, tenant_id)] == [contact_id]


async def test_a_tenant_is_known_by_its_events_and_unknown_before(mitra: Mitra) -> None:
    tenant_id = uuid4()
    async with mitra.session("demo", tenant_id) as session:
        with pytest.raises(Unavailable) as unknown:
            await get_tenant(session)
    assert unknown.value.code == "tenant_not_ready"
    state = TenantState(id=tenant_id, created_at=AT, name="Kiosk", time_zone="Asia/Tokyo", currency="JPY", status="trial")
    later = state.model_copy(update={"status": "active"})
    await receive(mitra, on_tenant, delivery(tenant_id, TenantCreated(state=state)), delivery(tenant_id, TenantChanged(state=later), 2))
    async with mitra.session("demo", tenant_id) as session:
        tenant = await get_tenant(session)
    assert (tenant.id, tenant.time_zone, tenant.currency) == (tenant_id, "Asia/Tokyo", "JPY")


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", 2), ("Asia/Tokyo", 3), ("America/Los_Angeles", 2), ("Pacific/Kiritimati", 3), ("Pacific/Pago_Pago", 2)]
)
def test_the_business_day_is_the_tenants(zone: str, day: int) -> None:
    at = datetime(2026, 3, 2, 16, tzinfo=UTC)
    assert business_day(Tenant(time_zone=zone), at) == date(2026, 3, day)
    assert business_day(Tenant(time_zone=zone), at + timedelta(days=1)) == date(2026, 3, day + 1)
