"""Upserts by external id and by address: new, changed, as it was; and one contact however many ask at once."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.contacts.make import create, patch
from tests.harness import Mitra

ANN = {"given_name": "Ann", "emails": [{"address": "Ann@Example.org"}], "phones": [{"raw": "+49 171 1234567"}]}


async def types(mitra: Mitra) -> list[str]:
    return [event.type.split(".")[2] for event in await mitra.outbox("contacts")]


async def test_an_upsert_is_new_then_as_it_was_then_changed(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    path = "/v1/contacts/by/shop/a%2F7"
    body = ANN | {"origin": {"source": "shop"}, "preferences": {"likes": ["tea"]}}
    bodies = (body, body, {"family_name": "Lee", "origin": {"source": "x"}})
    new, same, changed = [await contacts.put(path, json=sent) for sent in bodies]
    assert [(answer.status_code, answer.headers["etag"]) for answer in (new, same, changed)] == [(201, '"1"'), (200, '"1"'), (200, '"2"')]
    assert new.json()["external_ids"] == [{"source": "shop", "id": "a/7"}]
    assert same.json() == new.json()
    assert (changed.json()["display_name"], changed.json()["origin"]["source"]) == ("Ann Lee", "shop")
    assert {name for name, value in changed.json().items() if new.json()[name] != value} == {
        "version",
        "updated_at",
        "family_name",
        "display_name",
    }
    assert changed.json() == (await contacts.get(f"/v1/contacts/{new.json()['id']}")).json()
    _, event = await mitra.outbox("contacts")
    assert (event.type, event.sequence) == ("contacts.contact.updated.v1", 2)
    assert event.data["changed"] == ["display_name", "family_name"]


async def test_an_upsert_adds_external_ids_and_takes_none_away(contacts: httpx.AsyncClient) -> None:
    one, two, three = ({"source": "shop", "id": name} for name in "123")
    await contacts.put("/v1/contacts/by/shop/1", json=ANN | {"external_ids": [two]})
    both = await contacts.put("/v1/contacts/by/shop/2", json={"external_ids": [three]})
    assert (both.status_code, both.json()["external_ids"]) == (200, [two, one, three])
    await create(contacts, external_ids=[{"source": "erp", "id": "9"}])
    refused = await contacts.put("/v1/contacts/by/shop/3", json={"persona": "x", "external_ids": [one, {"source": "erp", "id": "9"}]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/external_ids/1")


async def test_fifty_upserts_of_one_external_id_make_one_contact(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(contacts.put("/v1/contacts/by/shop/7", json=ANN) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await types(mitra) == ["created"]


@pytest.mark.parametrize("by", ["email", "phone"])
async def test_fifty_upserts_of_one_address_make_one_contact(mitra: Mitra, contacts: httpx.AsyncClient, by: str) -> None:
    answers = await asyncio.gather(*(contacts.put(f"/v1/contacts?by={by}", json=ANN) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await types(mitra) == ["created"]


async def test_batches_that_overlap_at_once_make_each_contact_once(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    def batch(numbers: range, persona: str) -> dict[str, Any]:
        items = [
            {"op": "upsert", "key": {"source": "shop", "id": str(n)}, "data": {"given_name": "A", "persona": persona}} for n in numbers
        ]
        return {"operations": items}

    bodies = [batch(numbers, f"p{turn}") for turn in range(4) for numbers in (range(60), range(59, -1, -1), range(30, 90))]
    answers = await asyncio.gather(*(contacts.post("/v1/contacts/batch", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["rejected"] for answer in answers) == 0
    events = await mitra.outbox("contacts")
    made = [event.subject for event in events if event.type.endswith("created.v1")]
    assert (len(made), len(set(made))) == (90, 90)
    for subject in made:
        own = [event.sequence for event in events if event.subject == subject]
        assert own == list(range(1, len(own) + 1))


async def test_a_key_that_comes_twice_in_a_batch_is_one_contact(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    await contacts.put("/v1/contacts/by/shop/old", json={"given_name": "Old"})

    def upsert(name: str, **data: Any) -> dict[str, Any]:
        return {"op": "upsert", "key": {"source": "shop", "id": name}, "data": data}

    operations = [
        upsert("new", phones=[{"raw": "0171"}]),
        upsert("new", given_name="New"),
        upsert("new", given_name="New"),
        upsert("new", given_name="Other"),
        upsert("old", given_name="Older"),
        upsert("old", given_name="Older"),
        upsert("old", given_name="Oldest"),
        upsert("bad"),
    ]
    results = (await contacts.post("/v1/contacts/batch", json={"operations": operations})).json()["results"]
    assert [(result["status"], result["version"]) for result in results] == [
        (422, None),
        (201, 1),
        (200, 1),
        (409, None),
        (200, 2),
        (200, 2),
        (409, None),
        (422, None),
    ]
    assert {result["problem"]["code"] for result in results if result["status"] == 409} == {"changed_twice"}
    assert await types(mitra) == ["created", "created", "updated"]
    assert (await contacts.put("/v1/contacts/by/shop/bad", json=ANN)).status_code == 201


async def test_an_upsert_by_address_adds_addresses_and_changes_the_rest(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, emails=[{"address": "a@example.org"}, {"address": "b@example.org", "label": "home"}])
    body = {"given_name": "Anna", "emails": [{"address": "B@example.org", "primary": True}, {"address": "c@example.org"}]}
    answer = await contacts.put("/v1/contacts?by=email", json=body)
    anna = answer.json()
    assert (answer.status_code, answer.headers["etag"], anna["id"], anna["display_name"]) == (200, '"2"', ann["id"], "Anna Lee")
    assert anna["emails"][:2] == ann["emails"]
    assert anna["emails"][2] == {"address": "c@example.org", "label": None, "primary": False, "status": "ok"}
    assert (await contacts.put("/v1/contacts?by=email", json=body)).headers["etag"] == '"2"'
    assert await types(mitra) == ["created", "updated"]


async def test_an_upsert_by_phone_reads_the_number_as_the_country_writes_it(contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, country="DE", phones=[{"raw": "0171 1234567"}])
    answer = await contacts.put("/v1/contacts?by=phone", json={"country": "DE", "phones": [{"raw": "0049 171 1234567"}], "persona": "x"})
    assert (answer.status_code, answer.json()["id"], answer.json()["phones"]) == (200, ann["id"], ann["phones"])


async def test_an_address_that_several_bear_names_none_of_them(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    both = [await create(contacts, emails=[{"address": "info@example.org"}]) for _ in range(2)]
    body = {"emails": [{"address": "info@example.org"}]}
    refused = await contacts.put("/v1/contacts?by=email", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "shared_address")
    assert all(contact["id"] in refused.json()["detail"] for contact in both)
    assert "info@example.org" not in refused.text
    await contacts.post(f"/v1/contacts/{both[0]['id']}/archive")
    known = await contacts.put("/v1/contacts?by=email", json=body)
    assert (known.status_code, known.json()["id"]) == (200, both[1]["id"])


async def test_an_upsert_by_address_needs_one(contacts: httpx.AsyncClient) -> None:
    for by, pointer in (("email", "/emails"), ("phone", "/phones")):
        answer = await contacts.put(f"/v1/contacts?by={by}", json={"given_name": "Ann"})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await contacts.put("/v1/contacts", json=ANN)).status_code == 422
    assert (await contacts.put("/v1/contacts?by=name", json=ANN)).json()["errors"][0]["pointer"] == "#query/by"


async def test_clues_lead_to_a_contact_and_say_how_surely(contacts: httpx.AsyncClient) -> None:
    ann = await create(contacts, emails=[{"address": "ann@example.org"}], phones=[{"raw": "+49 171 1234567"}])
    bo = await create(contacts, phones=[{"raw": "+49 171 1234567"}], external_ids=[{"source": "shop", "id": "1"}])

    async def resolve(**clues: Any) -> list[Any]:
        answer = await contacts.post("/v1/contacts/resolve", json=clues)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        candidates = [(each["contact_id"], each["confidence_bps"], each["matched_by"]) for each in found["candidates"]]
        return [found["contact_id"], found["confidence_bps"], candidates]

    assert await resolve() == [None, 0, []]
    assert await resolve(email="nobody@example.org") == [None, 0, []]
    assert await resolve(email="ANN@example.org") == [ann["id"], 9000, [(ann["id"], 9000, ["email"])]]
    shared = [(ann["id"], 3500, ["phone"]), (bo["id"], 3500, ["phone"])]
    assert await resolve(phone="0171 1234567", country="DE") == [None, 0, shared]
    assert await resolve(email="ann@example.org", phone="+491711234567") == [
        ann["id"],
        9350,
        [(ann["id"], 9350, ["email", "phone"]), (bo["id"], 3500, ["phone"])],
    ]
    assert (await resolve(external_ids=[{"source": "shop", "id": "1"}]))[:2] == [bo["id"], 10_000]
    assert (await resolve(ids=[ann["id"]], email="ann@example.org"))[2] == [(ann["id"], 10_000, ["id", "email"])]
    wrong = await contacts.post("/v1/contacts/resolve", json={"phone": "0171 1234567"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/phone")


async def test_an_archived_contact_is_found_by_its_ids_only(contacts: httpx.AsyncClient) -> None:
    ann = (await contacts.put("/v1/contacts/by/shop/1", json=ANN)).json()
    await contacts.post(f"/v1/contacts/{ann['id']}/archive")
    assert (await contacts.post("/v1/contacts/resolve", json={"email": "ann@example.org"})).json()["candidates"] == []
    assert (await contacts.post("/v1/contacts/resolve", json={"ids": [ann["id"]]})).json()["contact_id"] == ann["id"]
    again = await contacts.put("/v1/contacts/by/shop/1", json={"persona": "x"})
    assert (again.status_code, again.json()["id"]) == (200, ann["id"])
    assert again.json()["archived_at"] is not None
    assert (await patch(contacts, again.json(), persona=None)).status_code == 200
