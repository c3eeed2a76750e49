"""Lifecycles moved by what happens elsewhere, by the clock and by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from contacts_svc.lifecycles.models import ContactOrder
from services.bus import Message
from services.contracts import Event, topic_of
from services.database import Context
from services.embedded import Server
from services.envelope import Envelope
from services.events.pipeline import OrderCancelled, OrderChanged, OrderPlaced, OrderRefunded, OrderState
from services.events.pipeline_activities import ActivityCompleted, ActivityState
from services.events.pipeline_leads import LeadOpened, LeadState
from services.events.tickets import TicketOpened, TicketState
from services.identifiers import new_id
from services.jobs import Job
from services.outbox import Written, envelope_of
from tests.contacts.make import create, lasting_client, patch, settle
from tests.harness import START, Mitra
from tests.kit.untold import untold_writes

DAY = timedelta(days=1)


def order(order_id: UUID, contact_id: UUID, **fields: Any) -> OrderState:
    state: dict[str, Any] = {
        "id": order_id,
        "created_at": START,
        "number": "1",
        "contact_id": contact_id,
        "placed_at": START,
        "currency": "EUR",
        "lines": [],
        "total_minor": 100,
        "status": "placed",
        "payment_status": "paid",
        "fulfilment_status": "none",
    }
    return OrderState.model_validate(state | fields)


def placed(state: OrderState) -> OrderPlaced:
    return OrderPlaced(state=state, occurred_on=START.date())


def refunded(state: OrderState) -> OrderRefunded:
    whole = state.model_copy(update={"payment_status": "refunded"})
    return OrderRefunded(state=whole, occurred_on=START.date(), amount_minor=100, at=START)


def cancelled(state: OrderState) -> OrderCancelled:
    return OrderCancelled(state=state.model_copy(update={"status": "cancelled"}), occurred_on=START.date())


def message(tenant_id: UUID, event: Event, sequence: int) -> Message:
    written = Written(event.state.id, sequence, f"{tenant_id}:k", START)
    raw = envelope_of(written, event, Context(tenant_id, "system:test", "c")).to_json().decode()
    return Message(topic_of(event.type), f"{tenant_id}:k", raw)


async def publish(mitra: Mitra, tenant_id: UUID, *lives: Sequence[Event]) -> None:
    """The lives of subjects, each in its order, heard by contacts."""
    messages = [message(tenant_id, event, sequence) for life in lives for sequence, event in enumerate(life, start=1)]
    await mitra.workers["contacts"].relay._bus.publish(messages)
    await mitra.drain()


async def moves_of(mitra: Mitra, contact_id: str) -> list[tuple[str, str, str]]:
    """How a contact moved, by the log: from, to and why."""
    bus, offset, found = mitra.workers["contacts"].relay._bus, 0, []
    while read := await bus.read({("crm.contacts", 0): offset}, wait_seconds=0.0):
        found += [Envelope.from_json(record.event) for record in read]
        offset = read[-1].offset + 1
    moves = [e for e in found if e.subject == f"contact/{contact_id}" and e.type == "contacts.contact.lifecycle_changed.v1"]
    return [(e.data["from"], e.data["to"], e.data["reason"]) for e in moves]


async def lifecycle_of(contacts: httpx.AsyncClient, contact_id: str) -> str:
    return str((await contacts.get(f"/v1/contacts/{contact_id}")).json()["lifecycle"])


async def test_a_real_order_makes_a_customer_and_its_full_refund_undoes_it(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID
) -> None:
    ann = await create(contacts)
    orders = lasting_client(mitra, tenant_id, "pipeline")
    body = {"contact_id": ann["id"], "currency": "EUR", "total_minor": 1000, "status": "placed", "paid": True}
    bought = (await orders.post("/v1/orders", json=body)).json()
    await mitra.drain()
    moved = (await contacts.get(f"/v1/contacts/{ann['id']}")).json()
    assert (moved["lifecycle"], moved["version"], moved["lifecycle_since"] > ann["lifecycle_since"]) == ("customer_active", 2, True)
    for amount, lifecycle in ((400, "customer_active"), (600, "prospect")):
        assert (await orders.post(f"/v1/orders/{bought['id']}/refund", json={"amount_minor": amount})).status_code == 200
        await mitra.drain()
        assert await lifecycle_of(contacts, ann["id"]) == lifecycle
    assert await moves_of(mitra, ann["id"]) == [("suspect", "customer_active", "order"), ("customer_active", "prospect", "order")]


async def test_the_event_of_a_move_names_the_event_that_caused_it(mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID) -> None:
    ann = await create(contacts)
    caused = message(tenant_id, placed(order(new_id(), UUID(ann["id"]))), 1)
    await mitra.workers["contacts"].relay._bus.publish([caused])
    worker = mitra.workers["contacts"]
    await mitra.workers["contacts"].relay.move(mitra.relays["contacts"])
    while await worker.consumer.step(wait_seconds=0.0):
        pass
    (event,) = await mitra.outbox("contacts")
    assert (event.type, event.subject, event.sequence) == ("contacts.contact.lifecycle_changed.v1", f"contact/{ann['id']}", 2)
    assert (event.data["from"], event.data["to"], event.data["reason"]) == ("suspect", "customer_active", "order")
    assert event.data["cause_event_id"] == str(Envelope.from_json(caused.event).id)
    assert event.data["changed"] == ["lifecycle", "lifecycle_since"]
    assert event.data["state"]["lifecycle"] == "customer_active"


@pytest.mark.parametrize("kind", ["activity", "lead", "ticket", "cancelled order"])
async def test_whoever_deals_with_us_is_a_prospect(mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID, kind: str) -> None:
    ann, bob = await create(contacts), await create(contacts)
    ids = [UUID(each["id"]) for each in (ann, bob)]
    life: list[Event]
    if kind == "activity":
        state = ActivityState(id=new_id(), created_at=START, kind="call", status="done", contact_id=ids[0], contact_ids=ids)
        life = [ActivityCompleted(state=state, seconds=60)]
    elif kind == "lead":
        opened = {"id": new_id(), "created_at": START, "contact_id": ids[0], "source": "web_form", "status": "new", "opened_at": START}
        life = [LeadOpened(state=LeadState.model_validate(opened), source="web_form")]
    elif kind == "ticket":
        life = [TicketOpened(state=ticket(ids[0]))]
        await publish(mitra, tenant_id, [TicketOpened(state=ticket(None))])
    else:
        bought = order(new_id(), ids[0])
        life = [placed(bought), cancelled(bought)]
    await publish(mitra, tenant_id, life)
    assert await lifecycle_of(contacts, ann["id"]) == "prospect"
    assert await lifecycle_of(contacts, bob["id"]) == ("prospect" if kind == "activity" else "suspect")
    assert await moves_of(mitra, ann["id"]) == [("suspect", "prospect", "order" if kind == "cancelled order" else "rule")]


def ticket(contact_id: UUID | None) -> TicketState:
    return TicketState.model_validate(
        {
            "id": new_id(),
            "created_at": START,
            "number": "1",
            "type": "question",
            "status": "new",
            "priority": "normal",
            "channel": "email",
            "opened_at": START,
            "status_since": START,
            "contact_id": contact_id,
        }
    )


async def test_a_year_without_an_order_makes_a_customer_inactive_and_the_next_order_active_again(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID
) -> None:
    ann, bob = await create(contacts), await create(contacts)
    await publish(mitra, tenant_id, [placed(order(new_id(), UUID(ann["id"])))], [placed(order(new_id(), UUID(bob["id"])))])
    mitra.clock.advance(days=200)
    await publish(mitra, tenant_id, [placed(order(new_id(), UUID(bob["id"]), placed_at=START + 200 * DAY))])
    for days, lives in ((164, ("customer_active", "customer_active")), (2, ("customer_inactive", "customer_active"))):
        mitra.clock.advance(days=days)
        await mitra.drain()
        assert (await lifecycle_of(contacts, ann["id"]), await lifecycle_of(contacts, bob["id"])) == lives
    await publish(mitra, tenant_id, [placed(order(new_id(), UUID(ann["id"]), placed_at=START + 366 * DAY))])
    assert await lifecycle_of(contacts, ann["id"]) == "customer_active"
    mitra.clock.advance(days=400)
    await mitra.drain()
    assert await moves_of(mitra, ann["id"]) == [
        ("suspect", "customer_active", "order"),
        ("customer_active", "customer_inactive", "rule"),
        ("customer_inactive", "customer_active", "order"),
        ("customer_active", "customer_inactive", "rule"),
    ]
    async with mitra.session("contacts", tenant_id) as session:
        timers = (await session.scalars(select(Job.kind).where(Job.tenant_id == tenant_id))).all()
    assert timers == ["lifecycles_due"]


async def test_an_old_order_that_is_imported_makes_an_inactive_customer(mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID) -> None:
    ann = await create(contacts)
    await publish(mitra, tenant_id, [placed(order(new_id(), UUID(ann["id"]), placed_at=datetime(2012, 5, 1, tzinfo=UTC)))])
    assert await moves_of(mitra, ann["id"]) == [("suspect", "customer_inactive", "order")]


async def test_an_order_that_moves_to_another_contact_moves_both(mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID) -> None:
    ann, bob = await create(contacts), await create(contacts)
    bought = order(new_id(), UUID(ann["id"]))
    given = OrderChanged(state=bought.model_copy(update={"contact_id": UUID(bob["id"])}), occurred_on=START.date())
    await publish(mitra, tenant_id, [placed(bought), given])
    assert (await lifecycle_of(contacts, ann["id"]), await lifecycle_of(contacts, bob["id"])) == ("prospect", "customer_active")


async def test_drafts_tests_and_orders_of_strangers_move_nobody(mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID) -> None:
    ann = await create(contacts)
    mine = UUID(ann["id"])
    draft = OrderChanged(state=order(new_id(), mine, status="draft", placed_at=None), occurred_on=START.date())
    await publish(mitra, tenant_id, [draft], [placed(order(new_id(), mine, is_test=True))], [placed(order(new_id(), new_id()))])
    assert (await contacts.get(f"/v1/contacts/{ann['id']}")).json() == ann


async def test_the_window_is_the_tenants_and_a_new_one_moves_everybody_at_once(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    from gateway.tenants.operations import create_tenant, update_tenant
    from gateway.tenants.schemas import TenantPatch

    tenant_id = new_id()
    async with mitra.session("gateway", tenant_id) as session:
        await create_tenant(session, name="Kiosk", time_zone="UTC", currency="EUR")
        await session.commit()
    await mitra.drain()
    own = lasting_client(mitra, tenant_id)
    ann, bob = await create(own), await create(own)
    old = order(new_id(), UUID(ann["id"]), placed_at=START - 100 * DAY)
    await publish(mitra, tenant_id, [placed(old)], [placed(order(new_id(), UUID(bob["id"])))])
    for days, lives in ((90, ("customer_inactive", "customer_active")), (800, ("customer_active", "customer_active"))):
        async with mitra.session("gateway", tenant_id) as session:
            await update_tenant(session, tenant_id, TenantPatch(activity_window_days=days), "*")
            await session.commit()
        await mitra.drain()
        assert (await lifecycle_of(own, ann["id"]), await lifecycle_of(own, bob["id"])) == lives
    mitra.clock.advance(days=799)
    await mitra.drain()
    assert (await lifecycle_of(own, ann["id"]), await lifecycle_of(own, bob["id"])) == ("customer_inactive", "customer_active")


async def test_a_hand_holds_a_contact_until_it_lets_go(mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID) -> None:
    ann = await create(contacts)
    path = f"/v1/contacts/{ann['id']}"
    body = {"lifecycle": "prospect", "reason_code": "met_at_fair"}
    held = (await contacts.post(f"{path}/set-lifecycle", json=body)).json()
    assert (held["lifecycle"], held["lifecycle_override"], held["version"]) == ("prospect", "met_at_fair", 2)
    assert (await contacts.post(f"{path}/set-lifecycle", json=body)).json()["version"] == 2
    again = (await contacts.post(f"{path}/set-lifecycle", json=body | {"reason_code": "key_account"})).json()
    assert (again["version"], again["lifecycle_since"]) == (3, held["lifecycle_since"])
    refused = (await contacts.post(f"{path}/disqualify", json={})).json()
    assert (refused["code"], refused["verbs_that_fit"]) == ("wrong_state", ["clear-lifecycle"])
    await publish(mitra, tenant_id, [placed(order(new_id(), UUID(ann["id"])))])
    assert (await contacts.get(path)).json() == again
    freed = (await contacts.post(f"{path}/clear-lifecycle")).json()
    assert (freed["lifecycle"], freed["lifecycle_override"], freed["version"]) == ("customer_active", None, 4)
    assert (await contacts.post(f"{path}/clear-lifecycle")).json() == freed
    assert (await contacts.post(f"{path}/set-lifecycle", json={"lifecycle": "prospect"})).status_code == 422
    await mitra.drain()
    assert await moves_of(mitra, ann["id"]) == [
        ("suspect", "prospect", "manual"),
        ("prospect", "prospect", "manual"),
        ("prospect", "customer_active", "manual"),
    ]
    mitra.clock.advance(days=366)
    await mitra.drain()
    assert await lifecycle_of(contacts, ann["id"]) == "customer_inactive"


async def test_who_is_disqualified_stays_out_whatever_it_asks_until_it_buys_or_is_requalified(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID
) -> None:
    ann = await create(contacts)
    path, mine = f"/v1/contacts/{ann['id']}", UUID(ann["id"])
    await contacts.post(f"{path}/disqualify", json={"reason_code": "no_fit"})
    await publish(mitra, tenant_id, [TicketOpened(state=ticket(mine))])
    assert await lifecycle_of(contacts, ann["id"]) == "rest_of_world"
    bought = order(new_id(), mine)
    for life, lifecycle in (([placed(bought)], "customer_active"), ([placed(bought), refunded(bought)], "rest_of_world")):
        await publish(mitra, tenant_id, life)
        assert await lifecycle_of(contacts, ann["id"]) == lifecycle
    assert (await contacts.post(f"{path}/requalify")).json()["lifecycle"] == "suspect"
    await publish(mitra, tenant_id, [TicketOpened(state=ticket(mine))])
    assert await lifecycle_of(contacts, ann["id"]) == "prospect"


def draw_life(data: st.DataObject, ids: list[UUID]) -> tuple[list[Event], UUID, datetime | None]:
    """The events of an order of one of these contacts, whose it is in the end, and when that contact has bought with it, if it has."""
    owner, end = data.draw(st.sampled_from(ids)), data.draw(st.sampled_from(["kept", "refunded", "cancelled", "given"]))
    state = order(new_id(), owner, placed_at=START - data.draw(st.sampled_from([1, 400])) * DAY)
    life: list[Event] = [placed(state)]
    if end == "given":
        owner = data.draw(st.sampled_from(ids))
        life.append(OrderChanged(state=state.model_copy(update={"contact_id": owner}), occurred_on=START.date()))
    elif end != "kept":
        life.append({"refunded": refunded, "cancelled": cancelled}[end](state))
    return life, owner, state.placed_at if end in ("kept", "given") else None


@hypothesis_settings(max_examples=25)
@given(data=st.data())
async def test_however_deliveries_of_subjects_are_shuffled_repeated_and_batched_the_lifecycles_end_the_same(
    running_mitra: Mitra, server: Server, data: st.DataObject
) -> None:
    """Law: the lifecycles after all deliveries are those that the last state of each order and the dealings say, the moves of a contact
    join end to end, and every version has its event.
    """
    mitra = running_mitra
    await mitra.empty()
    tenant_id = await mitra.new_tenant()
    contacts = lasting_client(mitra, tenant_id)
    ids = [UUID((await create(contacts))["id"]) for _ in range(3)]
    out = data.draw(st.sampled_from([None, *ids]))
    if out is not None:
        await contacts.post(f"/v1/contacts/{out}/disqualify", json={})
    lives: list[list[Event]] = []
    bought: dict[UUID, list[datetime]] = {each: [] for each in ids}
    dealt: set[UUID] = set()
    for _ in range(data.draw(st.integers(1, 5))):
        life, owner, bought_at = draw_life(data, ids)
        if bought_at is not None:
            bought[owner].append(bought_at)
        dealt |= {life[0].state.contact_id, owner}
        lives.append(life)
    asker = data.draw(st.sampled_from([None, *ids]))
    lives.append([TicketOpened(state=ticket(asker))])
    dealt |= {asker} if asker else set()
    messages = [message(tenant_id, event, sequence) for life in lives for sequence, event in enumerate(life, start=1)]
    shuffled = data.draw(st.permutations(messages + data.draw(st.lists(st.sampled_from(messages), max_size=5))))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        await mitra.workers["contacts"].relay._bus.publish(shuffled[:size])
        shuffled = shuffled[size:]
        if data.draw(st.booleans()):
            await settle(mitra)
    await settle(mitra)
    for contact_id in ids:
        latest = max(bought[contact_id], default=None)
        wanted = "rest_of_world" if contact_id == out else "prospect" if contact_id in dealt else "suspect"
        if latest is not None:
            wanted = "customer_active" if latest > START - 365 * DAY else "customer_inactive"
        assert await lifecycle_of(contacts, str(contact_id)) == wanted
        moves = await moves_of(mitra, str(contact_id))
        assert [to for _, to, _ in moves[:-1]] == [from_ for from_, _, _ in moves[1:]]
        assert (moves[-1][1] if moves else "suspect") == wanted
    async with mitra.session("contacts", tenant_id) as session:
        assert len((await session.scalars(select(ContactOrder))).all()) == len(lives) - 1
    assert await untold_writes(mitra, server, "contacts") == []


async def test_a_load_of_orders_is_heard_with_a_few_statements_a_batch(mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID) -> None:
    made = [{"op": "create", "data": {"given_name": f"Ann {n}"}} for n in range(250)]
    ids = [each["id"] for each in (await contacts.post("/v1/contacts/batch", json={"operations": made})).json()["results"]]
    await mitra.drain()
    orders = [placed(order(new_id(), UUID(ids[n % 250]))) for n in range(500)]
    await mitra.workers["contacts"].relay._bus.publish([message(tenant_id, event, 1) for event in orders])
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    engine = mitra.workers["contacts"].database.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        while await mitra.workers["contacts"].consumer.step(wait_seconds=0.0):
            pass
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)
    assert len(await mitra.outbox("contacts")) == 250
    assert len(statements) <= 25, statements


async def test_a_new_owner_is_told_by_an_event_of_its_own(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann, first, second = await create(contacts), str(new_id()), str(new_id())
    assigned = (await contacts.post(f"/v1/contacts/{ann['id']}/assign", json={"owner_id": first})).json()
    assert (assigned["owner_id"], assigned["version"]) == (first, 2)
    assert (await contacts.post(f"/v1/contacts/{ann['id']}/assign", json={"owner_id": first})).json()["version"] == 2
    patched = (await patch(contacts, assigned, owner_id=second, persona="planner")).json()
    teams = [{"team_id": str(new_id()), "role": "sales"}]
    await contacts.post(f"/v1/contacts/{ann['id']}/assign", json={"team_ids": teams})
    batch = [
        {"op": "upsert", "key": {"source": "erp", "id": "1"}, "data": {"given_name": "Bo", "owner_id": owner}} for owner in (first, second)
    ]
    for operation in batch:
        await contacts.post("/v1/contacts/batch", json={"operations": [operation]})
    await patch(contacts, patched | {"version": 4}, owner_id=None)
    await patch(contacts, patched | {"version": 5}, persona=None)
    told = [event for event in await mitra.outbox("contacts") if event.type != "contacts.contact.created.v1"]
    owners = [(event.data["from_owner_id"], event.data["to_owner_id"], event.data["changed"]) for event in told[:-1]]
    assert owners == [
        (None, first, ["owner_id"]),
        (first, second, ["owner_id", "persona"]),
        (second, second, ["team_ids"]),
        (first, second, ["owner_id"]),
        (second, None, ["owner_id"]),
    ]
    assert {event.type for event in told[:-1]} == {"contacts.contact.owner_changed.v1"}
    assert told[-1].type == "contacts.contact.updated.v1"
