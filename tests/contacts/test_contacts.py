"""The HTTP contract of contacts: create, read, change, archive, list, filter, batch, and the two moves by hand."""

import asyncio
import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select, text

from contacts_svc.contacts.models import Contact, ContactPoint
from contacts_svc.contacts.queries import FIELDS
from contacts_svc.manifest import manifest
from services import migrating
from services.filters import Bindings, compile_sql, parse_filter
from services.idempotency import IdempotencyAnswer
from tests.contacts.make import PERSONAL_BODY, PUBLIC_BODY, create, patch
from tests.harness import Mitra


async def test_a_contact_is_answered_whole_with_its_etag(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    answer = await contacts.post("/v1/contacts", json=PERSONAL_BODY | PUBLIC_BODY | {"origin": {"source": "trade_fair"}})
    contact = answer.json()
    assert (answer.status_code, answer.headers["etag"], answer.headers["mitra-version"]) == (201, '"1"', f"contact/{contact['id']}@1")
    assert {name: contact[name] for name in PUBLIC_BODY} == PUBLIC_BODY
    assert contact["emails"] == [{**PERSONAL_BODY["emails"][0], "primary": True, "status": "ok"}]
    assert contact["phones"] == [{**PERSONAL_BODY["phones"][0], "e164": "+491715550199", "primary": True, "do_not_call": False}]
    assert contact["addresses"] == [{**PERSONAL_BODY["addresses"][0], "primary": True}]
    for name in ("display_name", "given_name", "family_name", "legal_name", "birth_on", "website", "preferences"):
        assert contact[name] == PERSONAL_BODY[name]
    assert (contact["lifecycle"], contact["lifecycle_since"]) == ("suspect", contact["created_at"])
    assert contact["origin"] == {"source": "trade_fair", "campaign_id": None, "form_id": None, "import_id": None}
    assert (await contacts.get(f"/v1/contacts/{contact['id']}")).json() == contact


async def test_a_stale_patch_is_refused_and_a_patch_without_if_match_too(contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts)
    assert (await contacts.patch(f"/v1/contacts/{ann['id']}", json={"persona": "x"})).status_code == 428
    assert (await patch(contacts, ann | {"version": 7}, persona="x")).status_code == 412
    assert (await patch(contacts, ann, persona="x")).headers["etag"] == '"2"'


async def test_a_patch_changes_what_it_names_and_null_clears(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, **(PUBLIC_BODY | {"preferences": {"likes": ["tea"], "dislikes": ["fax"]}}))
    answer = await patch(contacts, ann, tags=None, persona=None, preferences={"likes": ["rum"]}, roles=["press", "agent", "press"])
    changed = answer.json()
    assert answer.status_code == 200
    assert (changed["tags"], changed["persona"], changed["roles"]) == ([], None, ["agent", "press"])
    assert changed["preferences"] == {"likes": ["rum"], "dislikes": ["fax"], "competitor_products": [], "expectations": []}
    untouched = PUBLIC_BODY.keys() - {"tags", "persona", "roles"}
    assert {name: changed[name] for name in untouched} == {name: ann[name] for name in untouched}
    event = (await mitra.outbox("contacts"))[-1]
    assert (event.type, event.sequence) == ("contacts.contact.updated.v1", 2)
    assert event.data["changed"] == ["persona", "preferences", "roles", "tags"]


async def test_a_patch_that_changes_nothing_publishes_nothing(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, emails=[{"address": "ann@example.org"}], phones=[{"raw": "0171 1234567"}], **PUBLIC_BODY)
    sendable = {name: value for name, value in ann.items() if name in PERSONAL_BODY.keys() | PUBLIC_BODY.keys()}
    answer = await patch(contacts, ann, **sendable)
    assert (answer.status_code, answer.headers["etag"], answer.json()) == (200, '"1"', ann)
    assert len(await mitra.outbox("contacts")) == 1


async def test_an_archived_contact_leaves_the_lists_and_comes_back(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts)
    path = f"/v1/contacts/{ann['id']}"
    archived = [await contacts.post(f"{path}/archive") for _ in range(2)]
    assert [(answer.status_code, answer.headers["etag"]) for answer in archived] == [(200, '"2"'), (200, '"2"')]
    assert (await contacts.get("/v1/contacts")).json()["items"] == []
    assert (await contacts.get(path)).json()["archived_at"] is not None
    restored = await contacts.post(f"{path}/restore")
    assert (restored.json()["archived_at"], restored.headers["etag"]) == (None, '"3"')
    assert [item["id"] for item in (await contacts.get("/v1/contacts")).json()["items"]] == [ann["id"]]
    assert [event.type.split(".")[2] for event in await mitra.outbox("contacts")] == ["created", "archived", "restored"]


async def test_a_suspect_is_disqualified_and_requalified_once_each(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts)
    path = f"/v1/contacts/{ann['id']}"
    moved = (await contacts.post(f"{path}/disqualify", json={"reason_code": "no_budget"})).json()
    assert moved["lifecycle"] == "rest_of_world"
    assert moved["lifecycle_since"] > ann["lifecycle_since"]
    refused = (await contacts.post(f"{path}/disqualify", json={})).json()
    assert (refused["status"], refused["code"], refused["state"]) == (409, "wrong_state", "rest_of_world")
    assert refused["verbs_that_fit"] == ["requalify"]
    assert (await contacts.post(f"{path}/requalify")).json()["lifecycle"] == "suspect"
    assert (await contacts.post(f"{path}/requalify", json={})).status_code == 409
    _, away, back = await mitra.outbox("contacts")
    told = {name: away.data[name] for name in ("from", "to", "reason", "reason_code", "changed")}
    assert told == {
        "from": "suspect",
        "to": "rest_of_world",
        "reason": "manual",
        "reason_code": "no_budget",
        "changed": ["lifecycle", "lifecycle_since"],
    }
    assert (back.type, back.data["from"], back.data["to"]) == ("contacts.contact.lifecycle_changed.v1", "rest_of_world", "suspect")


FILTERS = [
    ('kind = "organization"', ["Beta"]),
    ('kind = "person" AND lifecycle = "suspect"', ["Ann", "Carl"]),
    ('owner_id = "0190b2c0-0000-7000-8000-000000000001"', ["Ann"]),
    ("owner_id = me", ["Carl"]),
    ("owner_id = null", ["Beta"]),
    ('country = "DE"', ["Ann", "Beta"]),
    ('language = "de" OR language = "en-GB"', ["Ann", "Carl"]),
    ('tags:"vip"', ["Ann", "Beta"]),
    ('tags:"vip" AND NOT roles:"partner"', ["Ann"]),
    ('roles:"partner"', ["Beta"]),
    ('industry = "C28" AND size_band = "50-249"', ["Beta"]),
    ('persona = "planner"', ["Carl"]),
    ('email:"ANN@Example.org"', ["Ann"]),
    ('email:"shared@example.org"', ["Ann", "Beta"]),
    ('NOT email:"shared@example.org"', ["Carl"]),
    ('email:"nobody@example.org" OR phone:"+49 171 1234567"', ["Beta"]),
    ("email = null", ["Carl"]),
    ("email != null AND phone = null", ["Ann"]),
    ('display_name:"AR"', ["Carl"]),
    ('display_name >= "B"', ["Beta", "Carl"]),
    ("created_at > days_ago(1)", ["Ann", "Beta", "Carl"]),
    ('updated_at < "2026-01-01T00:00:00Z"', []),
]


async def three(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    me = uuid4()
    client = mitra.client("contacts", mitra.caller(tenant_id, user_id=me))
    emails = [{"address": "ann@example.org"}, {"address": "shared@example.org"}]
    owner = "0190b2c0-0000-7000-8000-000000000001"
    await create(client, display_name="Ann", emails=emails, owner_id=owner, country="DE", language="de", tags=["vip"])
    beta: dict[str, Any] = {"country": "DE", "industry": "C28", "size_band": "50-249", "roles": ["partner"], "tags": ["x", "vip"]}
    phones = [{"raw": "0171 1234567"}]
    await create(client, display_name="Beta", kind="organization", emails=[{"address": "Shared@example.org"}], phones=phones, **beta)
    await create(client, display_name="Carl", owner_id=str(me), language="en-gb", persona="planner", phones=[{"raw": "+1 650 253 0000"}])
    return client


async def test_every_filter_field_narrows_the_list(mitra: Mitra, tenant_id: UUID) -> None:
    client = await three(mitra, tenant_id)
    for asked, names in FILTERS:
        found = await client.post("/v1/contacts/search", json={"filter": asked, "order_by": "display_name", "include_total": True})
        assert found.status_code == 200, found.text
        assert ([item["display_name"] for item in found.json()["items"]], found.json()["total"]) == (names, len(names)), asked


async def test_a_filter_by_address_reaches_its_index_under_row_level_security(mitra: Mitra, tenant_id: UUID) -> None:
    tree = parse_filter('email:"a@example.org" OR phone:"+49 171 1234567"')
    statement = select(Contact.id).where(compile_sql(tree, FIELDS, Bindings(None, mitra.clock())))
    dialect = mitra.databases["contacts"].engine.dialect
    asked = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    async with mitra.session("contacts", tenant_id) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(row[0] for row in await session.execute(text("EXPLAIN " + asked.replace(":", "\\:"))))
    for value in ("a@example.org", "+491711234567"):
        assert re.search(rf"Index Cond: .*value = '{re.escape(value)}'", plan), plan


async def test_a_wrong_filter_says_where(contacts: httpx.AsyncClient) -> None:
    for asked in ('email = "a@example.org"', 'secret = "x"', "kind >"):
        wrong = await contacts.get("/v1/contacts", params={"filter": asked})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#query/filter"), asked


@pytest.mark.parametrize("order_by", ["created_at", "-created_at", "updated_at", "-updated_at", "display_name", "-display_name"])
async def test_pages_follow_one_another_in_every_order(contacts: httpx.AsyncClient, order_by: str) -> None:
    made = [await create(contacts, display_name=f"N{number % 3}") for number in range(7)]
    await patch(contacts, made[2], persona="x")
    seen: list[dict[str, Any]] = []
    query: dict[str, Any] = {"page_size": 3, "order_by": order_by}
    while True:
        page = (await contacts.get("/v1/contacts", params=query)).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    name = order_by.removeprefix("-")
    assert [(c[name], c["id"]) for c in seen] == sorted(((c[name], c["id"]) for c in seen), reverse=order_by != name)
    assert {c["id"] for c in seen} == {c["id"] for c in made}
    assert len(seen) == 7


async def test_a_batch_answers_each_item_where_it_stands(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, external_ids=[{"source": "shop", "id": "1"}])
    bo = await create(contacts, given_name="Bo")
    shop = [{"source": "shop", "id": str(number)} for number in range(10)]
    operations = [
        {"op": "create", "data": {"given_name": "Cy", "external_ids": [shop[2], shop[3]]}},
        {"op": "create", "data": {"given_name": "Di", "external_ids": [shop[4], shop[1]]}},
        {"op": "create", "data": {"given_name": "Ed", "external_ids": [shop[4]]}},
        {"op": "create", "data": {"given_name": "Flo", "phones": [{"raw": "+49 171 1234567"}, {"raw": "0171"}]}},
        {"op": "upsert", "key": shop[1], "data": {"given_name": "Anna"}},
        {"op": "upsert", "key": shop[5], "data": {"given_name": "Gus", "external_ids": [shop[6]]}},
        {"op": "upsert", "key": shop[7], "data": {"given_name": "Hal", "external_ids": [shop[2]]}},
        {"op": "update", "id": bo["id"], "if_match": 1, "data": {"emails": [{"address": "nonsense"}]}},
        {"op": "update", "id": bo["id"], "if_match": 1, "data": {"legal_name": "Bo Ltd"}},
        {"op": "update", "id": bo["id"], "if_match": 1, "data": {"given_name": "Bob"}},
        {"op": "archive", "id": ann["id"]},
        {"op": "archive", "id": str(uuid4())},
    ]
    body = (await contacts.post("/v1/contacts/batch", json={"operations": operations})).json()
    assert [result["status"] for result in body["results"]] == [201, 409, 201, 422, 200, 201, 409, 422, 422, 200, 409, 404]
    places = [result["problem"]["errors"][0]["pointer"] for result in body["results"] if result["problem"] and result["problem"]["errors"]]
    assert places == [
        "/operations/1/data/external_ids/1",
        "/operations/3/data/phones/1/raw",
        "/operations/6/data/external_ids/0",
        "/operations/7/data/emails/0/address",
        "/operations/8/data/legal_name",
    ]
    listed = (await contacts.get("/v1/contacts", params={"order_by": "display_name"})).json()["items"]
    assert [item["display_name"] for item in listed] == ["Anna Lee", "Bob Lee", "Cy", "Ed", "Gus"]
    assert len(await mitra.outbox("contacts")) == 2 + body["accepted"]


async def test_an_atomic_batch_with_one_wrong_item_leaves_no_trace(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    key = {"source": "shop", "id": "1"}
    operations = [{"op": "upsert", "key": key, "data": {"given_name": "Cy"}}, {"op": "create", "data": {}}]
    answer = await contacts.post("/v1/contacts/batch", json={"operations": operations, "atomic": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "batch_refused")
    assert await mitra.outbox("contacts") == []
    assert (await contacts.put("/v1/contacts/by/shop/1", json={"given_name": "Cy"})).status_code == 201


async def test_external_ids_are_taken_given_back_and_belong_to_one(contacts: httpx.AsyncClient) -> None:
    one, two = ({"source": "shop", "id": name} for name in ("1", "2"))
    ann, bo = await create(contacts, external_ids=[one, two]), await create(contacts)
    refused = await patch(contacts, bo, external_ids=[one])
    assert (refused.status_code, refused.json()["code"]) == (409, "external_id_taken")
    assert refused.json()["errors"][0]["pointer"] == "/external_ids/0"
    assert (await patch(contacts, ann, external_ids=[two])).status_code == 200
    assert (await patch(contacts, bo, external_ids=[one])).json()["external_ids"] == [one]
    assert (await contacts.post("/v1/contacts", json={"given_name": "C", "external_ids": [two]})).status_code == 409


async def test_another_tenants_contact_does_not_exist(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, emails=[{"address": "ann@example.org"}], external_ids=[{"source": "shop", "id": "1"}])
    stranger = mitra.client("contacts", mitra.caller(await mitra.new_tenant()))
    for method, path in (("GET", ""), ("PATCH", ""), *(("POST", f"/{verb}") for verb in ("archive", "restore", "disqualify", "requalify"))):
        answer = await stranger.request(method, f"/v1/contacts/{ann['id']}{path}", json={}, headers={"If-Match": "1"})
        assert answer.status_code == 404, (method, path)
    clues = {"ids": [ann["id"]], "email": "ann@example.org", "external_ids": [{"source": "shop", "id": "1"}]}
    assert (await stranger.post("/v1/contacts/resolve", json=clues)).json()["candidates"] == []
    assert (await stranger.post("/v1/contacts/search", json={"filter": 'email:"ann@example.org"'})).json()["items"] == []
    assert (await stranger.put("/v1/contacts/by/shop/1", json={"given_name": "X"})).status_code == 201
    assert (await contacts.get(f"/v1/contacts/{ann['id']}")).json() == ann


async def test_reading_and_writing_need_their_scopes(mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts)
    reader = mitra.client("contacts", mitra.caller(tenant_id, scopes=["contacts:read"]))
    assert (await reader.get(f"/v1/contacts/{ann['id']}")).status_code == 200
    assert (await reader.post("/v1/contacts/resolve", json={"ids": [ann["id"]]})).status_code == 200
    for method, path in (("POST", ""), ("PUT", "/by/a/1"), ("PUT", "?by=email"), ("POST", "/batch"), ("POST", f"/{ann['id']}/archive")):
        assert (await reader.request(method, f"/v1/contacts{path}", json={})).status_code == 403, path


async def test_a_hundred_writers_of_one_contact_stay_in_order(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts)
    answers = await asyncio.gather(
        *(contacts.patch(f"/v1/contacts/{ann['id']}", json={"persona": f"p{n}"}, headers={"If-Match": "*"}) for n in range(100))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert [event.sequence for event in await mitra.outbox("contacts")] == list(range(1, 102))


async def test_a_kept_answer_names_its_contact_so_that_an_erasure_finds_it(
    mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient
) -> None:
    first = await contacts.post("/v1/contacts", json={"given_name": "Ann"}, headers={"Idempotency-Key": "k"})
    again = await contacts.post("/v1/contacts", json={"given_name": "Ann"}, headers={"Idempotency-Key": "k"})
    assert again.content == first.content
    async with mitra.session("contacts", tenant_id) as session:
        assert str(await session.scalar(select(IdempotencyAnswer.contact_id))) == first.json()["id"]


async def test_points_follow_the_lists(mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, emails=[{"address": "a@example.org"}, {"address": "b@example.org"}], phones=[{"raw": "+491711234567"}])
    await patch(contacts, ann, emails=[{"address": "b@example.org"}, {"address": "c@example.org"}], phones=None)
    async with mitra.session("contacts", tenant_id) as session:
        assert sorted((await session.scalars(select(ContactPoint.value))).all()) == ["b@example.org", "c@example.org"]
        assert await session.scalar(select(func.count()).select_from(ContactPoint)) == 2


async def test_tables_and_migrations_agree(mitra: Mitra) -> None:
    assert await migrating.drift(mitra.settings.owner_database("contacts"), migrating.history_of(manifest)) == []
