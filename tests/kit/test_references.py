"""What a service keeps of others: its tenants, and the contacts with their consents and scores."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.bus import Message
from services.consumer import Consumer
from services.contracts import Event, topic_of
from services.database import Base, Context
from services.deliveries import Delivery, handle
from services.errors import Unavailable
from services.events.analytics import CustomerScored, ScoreState
from services.events.contacts import (
    CONSENT_EVENTS,
    CONTACT_EVENTS,
    ConsentExpired,
    ConsentGranted,
    ConsentRequested,
    ConsentState,
    ConsentWithdrawn,
    ContactArchived,
    ContactCreated,
    ContactOwnerChanged,
    ContactRestored,
    ContactState,
    ContactUpdated,
    Origin,
)
from services.events.platform import TenantChanged, TenantCreated, TenantState
from services.filters import Bindings, compile_predicate, compile_sql, parse_filter
from services.identifiers import new_id
from services.outbox import Written, envelope_of
from services.references import (
    FIELDS,
    ConsentReference,
    ContactReference,
    as_record,
    find_consents,
    find_references,
    on_consent,
    on_contact,
    on_scored,
)
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


def consent(consent_id: UUID, contact_id: UUID, status: Literal["pending", "granted", "withdrawn", "expired"], **fields: Any) -> Event:
    state = ConsentState(
        id=consent_id,
        created_at=AT,
        contact_id=contact_id,
        status=status,
        wording_version=1,
        source="web",
        **({"purpose": "news", "channel": "email"} | fields),
    )
    if status == "pending":
        return ConsentRequested(state=state, confirm_by=AT + timedelta(days=7))
    return {"granted": ConsentGranted, "withdrawn": ConsentWithdrawn, "expired": ConsentExpired}[status](state=state)


def scored(contact_id: UUID, value: int, **fields: Any) -> CustomerScored:
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
            **fields,
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


async def test_a_consent_is_kept_as_it_stands_even_before_its_contact_is_known(mitra: Mitra) -> None:
    tenant_id, contact_id, first, second, topic_id = await mitra.new_tenant(), new_id(), new_id(), new_id(), new_id()
    await receive(mitra, on_consent, delivery(tenant_id, consent(first, contact_id, "pending")))
    later = [delivery(tenant_id, consent(first, contact_id, status), 2 + n) for n, status in enumerate(("granted", "withdrawn"))]
    await receive(mitra, on_consent, *later, delivery(tenant_id, consent(second, contact_id, "granted", channel="sms", topic_id=topic_id)))
    async with mitra.session("demo", tenant_id) as session:
        found = (await find_consents(session, [contact_id, new_id()]))[contact_id]
        assert await find_references(session, [contact_id]) == {}
    assert [(each.consent_id, each.purpose, each.channel, each.topic_id, each.status) for each in found] == [
        (first, "news", "email", None, "withdrawn"),
        (second, "news", "sms", topic_id, "granted"),
    ]
    assert {each.changed_at for each in found} == {AT}


HANDLERS = {
    CustomerScored: [on_scored],
    **{event: [on_contact] for event in CONTACT_EVENTS},
    **{event: [on_consent] for event in CONSENT_EVENTS},
}


def lives_of(contact_id: UUID, other_id: UUID, owner_id: UUID) -> list[tuple[str, list[Event]]]:
    """What happens to two contacts, subject by subject, each in its order."""
    born, restored = contact(contact_id, "DE"), contact(contact_id, "FR", owner_id)
    news, ads = new_id(), new_id()
    return [
        (
            f"contact/{contact_id}",
            [
                ContactCreated(state=born),
                ContactArchived(state=born.model_copy(update={"archived_at": AT})),
                ContactRestored(state=born),
                ContactOwnerChanged(state=restored, to_owner_id=owner_id),
            ],
        ),
        (f"contact/{other_id}", [ContactCreated(state=contact(other_id)), ContactUpdated(state=contact(other_id, "US"))]),
        (f"customer/{contact_id}", [scored(contact_id, 5), scored(contact_id, 9, tier="top", churn_bps=6100, value_at_risk_minor=5)]),
        (f"consent/{news}", [consent(news, contact_id, "pending"), consent(news, contact_id, "granted")]),
        (f"consent/{ads}", [consent(ads, other_id, status, purpose="ads") for status in ("granted", "expired")]),
    ]


async def rows_kept(mitra: Mitra, tenant_id: UUID, table: type[Base]) -> list[dict[str, Any]]:
    async with mitra.session("demo", tenant_id) as session:
        rows = (await session.execute(select(table.__table__).order_by(*table.__table__.primary_key))).mappings()
        return [dict(row) for row in rows]


@hypothesis_settings(max_examples=25)
@given(data=st.data())
async def test_shuffled_and_repeated_deliveries_keep_the_same_and_replay_equals_live(running_mitra: Mitra, data: st.DataObject) -> None:
    """Law: in whatever order and however often events of contacts, consents and scores are published, in whatever batches, what is kept
    is the last state of each subject; and a second consumer that reads the log from its beginning keeps the very same.
    """
    mitra = running_mitra
    await mitra.empty()
    tenant_id, contact_id, other_id, owner_id = await mitra.new_tenant(), new_id(), new_id(), new_id()
    lives = lives_of(contact_id, other_id, owner_id)
    messages = []
    for subject, events in lives:
        for sequence, event in enumerate(events, start=1):
            raw = delivery(tenant_id, event, sequence).raw
            messages.append(Message(topic_of(event.type), subject, raw))
    shuffled = data.draw(st.permutations(messages + data.draw(st.lists(st.sampled_from(messages), max_size=6))))
    worker = mitra.workers["demo"]
    live, replay = (
        Consumer(name, worker.database, worker.relay._bus, topics=["crm.contacts", "crm.analytics"], handlers=HANDLERS)
        for name in ("live", "replay")
    )
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        await worker.relay._bus.publish(shuffled[:size])
        shuffled = shuffled[size:]
        await live.step(wait_seconds=0.0)
    while await live.step(wait_seconds=0.0):
        pass
    contacts, consents = await rows_kept(mitra, tenant_id, ContactReference), await rows_kept(mitra, tenant_id, ConsentReference)
    seen = {row["contact_id"]: (row["country"], row["owner_id"], row["archived_at"], row["tier"], row["churn_bps"]) for row in contacts}
    assert seen == {contact_id: ("FR", owner_id, None, "top", 6100), other_id: ("US", None, None, None, None)}
    assert sorted((row["purpose"], row["status"]) for row in consents) == [("ads", "expired"), ("news", "granted")]
    async with mitra.session("demo", tenant_id) as session:
        await session.execute(delete(ContactReference))
        await session.execute(delete(ConsentReference))
        await session.commit()
    while await replay.step(wait_seconds=0.0):
        pass
    assert await rows_kept(mitra, tenant_id, ContactReference) == contacts
    assert await rows_kept(mitra, tenant_id, ConsentReference) == consents


TOPIC = UUID("0190b2c0-0000-7000-8000-00000000000a")
OWNER = UUID("0190b2c0-0000-7000-8000-00000000000b")
STANDINGS = ("pending", "granted", "withdrawn")
MEMBERS = [f"{purpose}/email/{topic}{status}" for purpose in ("news", "ads") for topic in ("", f"{TOPIC}/") for status in STANDINGS]
COMPARISONS = [
    *(
        f'consents:"{member}"'
        for member in (*MEMBERS, "news/email", "news/email/nonsense/granted", f"news/email/{str(TOPIC).upper()}/granted")
    ),
    *("consents = null", "consents != null", 'lifecycle = "prospect"', "owner_id = me", "owner_id = null", 'country != "DE"'),
    *('tier = "top"', "churn_bps > 6000", "value_at_risk_minor >= 100", "lifetime_value_minor <= 50", 'kind = "person"', "tier != null"),
]


def reference(number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A contact and its consents, each field from another digit of `number`."""
    contact_id = UUID(int=number + 1)
    row: dict[str, Any] = {
        "contact_id": contact_id,
        "kind": ("person", None)[number % 2],
        "lifecycle": ("prospect", "customer_active", None)[number % 3],
        "owner_id": (OWNER, None)[number // 2 % 2],
        "country": ("DE", "FR", None)[number // 3 % 3],
        "tier": ("top", "small", None)[number // 5 % 3],
        "churn_bps": (7000, 100, None)[number // 7 % 3],
        "value_at_risk_minor": (100, None)[number // 5 % 2],
        "lifetime_value_minor": (50, 51, None)[number // 11 % 3],
    }
    consents = []
    for place, (purpose, topic_id) in enumerate((("news", None), ("news", TOPIC), ("ads", None))):
        status = (*STANDINGS, None)[number // (4**place) % 4]
        if status is not None:
            name = {"purpose": purpose, "channel": "email", "topic_id": topic_id, "status": status}
            consents.append({"consent_id": UUID(int=number * 10 + place + 1), "contact_id": contact_id, "changed_at": AT} | name)
    return row, consents


async def test_a_filter_over_references_finds_in_sql_whom_it_finds_in_python(mitra: Mitra) -> None:
    """Law: for every comparison over FIELDS, also negated, joined by AND and by OR, the rows of its SQL are those of its predicate."""
    tenant_id = await mitra.new_tenant()
    made = [reference(number) for number in range(130)]
    bindings = Bindings(me=OWNER, now=AT)
    async with mitra.session("demo", tenant_id) as session:
        await session.execute(insert(ContactReference), [{"tenant_id": tenant_id} | row for row, _ in made])
        await session.execute(insert(ConsentReference), [{"tenant_id": tenant_id} | each for _, consents in made for each in consents])
        ids = [row["contact_id"] for row, _ in made]
        references, consents = await find_references(session, ids), await find_consents(session, ids)
        records = {each: as_record(references[each], consents.get(each, ())) for each in ids}
        texts = [*COMPARISONS, *(f"NOT {text}" for text in COMPARISONS)]
        texts += [f'{text} {word} consents:"news/email/granted"' for text in COMPARISONS for word in ("AND", "OR")]
        found: set[int] = set()
        for text in texts:
            tree = parse_filter(text)
            passes = compile_predicate(tree, FIELDS, bindings)
            rows = await session.scalars(select(ContactReference.contact_id).where(compile_sql(tree, FIELDS, bindings)))
            answer = set(rows)
            assert answer == {each for each, record in records.items() if passes(record)}, text
            found.add(len(answer))
    assert len(found) > 20
