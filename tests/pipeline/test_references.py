"""What pipeline keeps of tenants, contacts and scores, from their events alone."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.contracts import Event
from services.database import now
from services.events.analytics import CustomerScored, ScoreState
from services.events.contacts import ContactArchived, ContactCreated, ContactLifecycleChanged, ContactState, ContactUpdated, Origin
from services.events.platform import TenantCreated, TenantState
from services.identifiers import new_id
from services.manifests import get_manifest
from services.outbox import Written, record_many
from services.references import ContactReference
from tests.harness import Mitra
from tests.pipeline import make


async def publish(mitra: Mitra, service: str, tenant_id: UUID, facts: list[Event]) -> None:
    """Events of one subject, as their owner writes them."""
    async with mitra.session(service, tenant_id) as session:
        for sequence, fact in enumerate(facts, start=1):
            written = Written(fact.state.id, sequence, f"{tenant_id}:{fact.state.id}", now(session))
            session.info.pop("recorded", None)
            await record_many(session, [(written, fact, None)])
        await session.commit()
    await mitra.drain(jobs=False)


def contact(mitra: Mitra, contact_id: UUID, **fields: Any) -> ContactState:
    at = mitra.clock()
    return ContactState(id=contact_id, created_at=at, kind="person", lifecycle_since=at, origin=Origin(source="test"), **fields)


async def test_contacts_and_scores_are_kept_whichever_comes_first(mitra: Mitra, tenant_id: UUID) -> None:
    contact_id, owner_id = new_id(), new_id()
    scored = CustomerScored(
        state=ScoreState(
            id=contact_id,
            created_at=mitra.clock(),
            as_of=date(2026, 3, 1),
            scored_at=mitra.clock(),
            currency="USD",
            horizon_days=365,
            discount_bps=1000,
            lifetime_value_minor=12_300,
            expected_purchases_milli=1500,
            p_alive_bps=9000,
            p_buys_bps=5000,
            revenue_to_date_minor=100,
            margin_to_date_minor=50,
            model_ids=[],
        )
    )
    await publish(mitra, "pipeline", tenant_id, [scored])
    states = [
        ContactCreated(state=contact(mitra, contact_id)),
        ContactUpdated(state=contact(mitra, contact_id, country="DE", language="de", owner_id=owner_id)),
        ContactLifecycleChanged(
            state=contact(mitra, contact_id, country="DE", language="de", owner_id=owner_id, lifecycle="rest_of_world"),
            from_="suspect",
            to="rest_of_world",
            reason="manual",
        ),
    ]
    await publish(
        mitra, "contacts", tenant_id, [*states, ContactArchived(state=states[-1].state.model_copy(update={"archived_at": mitra.clock()}))]
    )
    async with mitra.session("pipeline", tenant_id) as session:
        kept = (await session.scalars(select(ContactReference))).one()
    assert (kept.contact_id, kept.owner_id, kept.lifecycle, kept.country, kept.language) == (
        contact_id,
        owner_id,
        "rest_of_world",
        "DE",
        "de",
    )
    assert (kept.lifetime_value_minor, kept.currency, kept.archived_at is None) == (12_300, "USD", False)


async def test_a_tenant_may_buy_as_soon_as_it_is_told_of(mitra: Mitra) -> None:
    tenant_id = new_id()
    orders = mitra.client("pipeline", mitra.caller(tenant_id))
    assert (await orders.post("/v1/orders", json=make.order())).status_code == 503
    state = TenantState(id=tenant_id, created_at=mitra.clock(), name="A", time_zone="Asia/Kolkata", currency="INR", status="active")
    await publish(mitra, "pipeline", tenant_id, [TenantCreated(state=state)])
    order = await make.create(orders, make.placed(placed_at="2026-01-31T18:30:00Z"))
    assert order["placed_on"] == "2026-02-01"


def test_pipeline_reads_the_topics_of_its_handlers() -> None:
    manifest = get_manifest("pipeline")
    assert {f"crm.{event.type.partition('.')[0]}" for event in manifest.handlers} == set(manifest.consumes)
