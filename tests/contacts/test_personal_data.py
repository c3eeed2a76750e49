"""What is personal stays with its owner: events carry none of it, the log folds to the rest, and only services get at it in bulk."""

import itertools
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from contacts_svc.contacts.schemas import ContactRead
from services.envelope import Envelope
from services.events.contacts import ContactState
from services.settings import plain_url
from services.tokens import Caller
from tests.contacts.make import CANARIES, CANARY, PERSONAL_BODY, PUBLIC_BODY, create, patch
from tests.harness import Mitra


async def live_a_life(contacts: httpx.AsyncClient) -> dict[str, Any]:
    """Every kind of change, each with what is personal in it; answers the contact at the end."""
    one = (await contacts.post("/v1/contacts", json=PERSONAL_BODY | PUBLIC_BODY)).json()
    two = (await patch(contacts, one, given_name=f"{CANARY} again", emails=None, tags=["vip"])).json()
    await contacts.put("/v1/contacts/by/erp/K-17", json=PERSONAL_BODY | {"persona": "buyer"})
    await contacts.put("/v1/contacts?by=email", json=PERSONAL_BODY | {"website": f"https://{CANARY}.example.com"})
    batch = [{"op": "upsert", "key": {"source": "erp", "id": "K-17"}, "data": {"legal_name": f"{CANARY} Ltd"}}]
    await contacts.post("/v1/contacts/batch", json={"operations": [*batch, {"op": "create", "data": PERSONAL_BODY}]})
    for verb in ("disqualify", "archive", "restore", "requalify"):
        answer = await contacts.post(f"/v1/contacts/{two['id']}/{verb}", json={})
        assert answer.status_code == 200, answer.text
    return dict((await contacts.get(f"/v1/contacts/{two['id']}")).json())


async def test_no_event_carries_what_is_personal(
    mitra: Mitra, contacts: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    await live_a_life(contacts)
    wrong = await contacts.post("/v1/contacts", json=PERSONAL_BODY | {"birth_on": f"{CANARY}", "emails": [{"address": CANARY}]})
    assert wrong.status_code == 422
    written = [event.to_json().decode() for event in await mitra.outbox("contacts")]
    await mitra.drain()
    bus = await asyncpg.connect(plain_url(mitra.settings.bus_url))
    try:
        published = [str(row) for row in await bus.fetch("SELECT * FROM bus_record")]
    finally:
        await bus.close()
    logged = "".join(capsys.readouterr()) + caplog.text
    assert (len(written), len(published)) == (10, 10)
    for canary in CANARIES:
        assert [place for place in (*written, *published, logged, wrong.text) if canary in place] == []


async def test_folding_the_events_gives_what_is_read(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    read = await live_a_life(contacts)
    own: list[Envelope] = [event for event in await mitra.outbox("contacts") if event.subject == f"contact/{read['id']}"]
    assert [event.sequence for event in own] == list(range(1, 10))
    folded = own[-1].data["state"] | {"version": own[-1].sequence, "updated_at": own[-1].recorded_at.isoformat().replace("+00:00", "Z")}
    assert {name: read[name] for name in folded} == folded
    assert read.keys() - folded.keys() == ContactRead.model_fields.keys() - ContactState.model_fields.keys() - {"version", "updated_at"}
    for before, after in itertools.pairwise(own):
        differing = {name for name, value in after.data["state"].items() if before.data["state"][name] != value}
        assert differing <= set(after.data["changed"]), after.type


def service(tenant_id: UUID) -> Caller:
    return Caller(tenant_id, "system:demo_svc", None, frozenset(), issuer="demo_svc")


async def test_other_services_learn_how_to_reach_contacts(mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, emails=[{"address": "ann@example.org"}], phones=[{"raw": "+49 171 1234567"}], language="de", country="DE")
    bo = await create(contacts)
    await contacts.post(f"/v1/contacts/{bo['id']}/archive")
    stranger = await create(mitra.client("contacts", mitra.caller(await mitra.new_tenant())))
    unknown = str(uuid4())
    internal = mitra.client("contacts", service(tenant_id), issuer="demo_svc")
    answer = await internal.post("/internal/contacts/resolve", json={"ids": [bo["id"], unknown, ann["id"], stranger["id"], ann["id"]]})
    assert answer.status_code == 200, answer.text
    names = ("id", "display_name", "given_name", "family_name", "emails", "phones", "language", "time_zone", "country")
    assert answer.json() == {
        "contacts": [{name: ann[name] for name in names} | {"archived": False}, {name: bo[name] for name in names} | {"archived": True}],
        "missing": [unknown, stranger["id"]],
    }


async def test_people_and_keys_do_not_get_at_the_bulk_resolver(mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient) -> None:
    refused = await contacts.post("/internal/contacts/resolve", json={"ids": [str(uuid4())]})
    assert (refused.status_code, refused.json()["code"]) == (403, "internal_only")
    internal = mitra.client("contacts", service(tenant_id), issuer="demo_svc")
    assert (await internal.get("/v1/contacts")).status_code == 403
    for ids in ([], [str(uuid4())] * 501):
        assert (await internal.post("/internal/contacts/resolve", json={"ids": ids})).status_code == 422


async def test_five_hundred_contacts_are_reached_in_one_call(mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient) -> None:
    operations = [{"op": "create", "data": {"emails": [{"address": f"a{n}@example.org"}]}} for n in range(500)]
    made = (await contacts.post("/v1/contacts/batch", json={"operations": operations})).json()
    ids = [result["id"] for result in made["results"]]
    internal = mitra.client("contacts", service(tenant_id), issuer="demo_svc")
    reached = (await internal.post("/internal/contacts/resolve", json={"ids": ids})).json()
    assert {each["id"]: each["emails"][0]["address"] for each in reached["contacts"]} == {
        each: f"a{n}@example.org" for n, each in enumerate(ids)
    }
