"""Consent purposes through HTTP: what people are asked, in words that are never changed."""

import httpx
import pytest

from services.events.contacts import ConsentPurposeState
from tests.contacts.make import PURPOSE, create_purpose
from tests.harness import Mitra

PATH = "/v1/consent-purposes"


async def test_a_purpose_is_told_with_the_versions_of_its_wording_and_never_with_the_words(
    mitra: Mitra, contacts: httpx.AsyncClient
) -> None:
    purpose = await create_purpose(contacts, valid_days=730)
    assert [(each["language"], each["version"], each["text"]) for each in purpose["wordings"]] == [
        ("en", 1, "May we write to you?"),
        ("de", 1, "Dürfen wir Ihnen schreiben?"),
    ]
    new = {"language": "en", "text": "May we tell you our news?"}
    worded = (await contacts.post(f"{PATH}/{purpose['id']}/word", json=new)).json()
    assert (worded["version"], worded["wordings"][:2], worded["wordings"][2]["version"]) == (2, purpose["wordings"], 2)
    again = await contacts.post(f"{PATH}/{purpose['id']}/word", json=new)
    assert (again.status_code, again.json()) == (200, worded)
    created, updated = await mitra.outbox("contacts")
    assert (created.type, created.subject) == ("contacts.consent_purpose.created.v1", f"consent_purpose/{purpose['id']}")
    assert (updated.type, updated.sequence, updated.data["changed"]) == ("contacts.consent_purpose.updated.v1", 2, ["wordings"])
    assert updated.data["state"]["wordings"] == [
        {"language": "en", "version": 1},
        {"language": "de", "version": 1},
        {"language": "en", "version": 2},
    ]
    assert ConsentPurposeState.model_validate(updated.data["state"]) == ConsentPurposeState.model_validate(worded)


async def test_a_purpose_is_changed_archived_restored_and_found(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    purpose = await create_purpose(contacts)
    path = f"{PATH}/{purpose['id']}"
    changed = await contacts.patch(path, json={"channels": ["email", "phone"], "valid_days": 365}, headers={"If-Match": "1"})
    assert (changed.status_code, changed.json()["channels"], changed.json()["valid_days"]) == (200, ["email", "phone"], 365)
    assert (await contacts.patch(path, json={"name": "News"}, headers={"If-Match": "1"})).status_code == 412
    assert (await contacts.patch(path, json={"valid_days": 365}, headers={"If-Match": "2"})).json()["version"] == 2
    await create_purpose(contacts, key="ads")
    found = await contacts.get(PATH, params={"filter": 'channels:"phone"', "order_by": "key"})
    assert [each["key"] for each in found.json()["items"]] == ["news"]
    for verb, listed in (("archive", ["ads"]), ("archive", ["ads"]), ("restore", ["ads", "news"])):
        assert (await contacts.post(f"{path}/{verb}")).status_code == 200
        items = (await contacts.post(f"{PATH}/search", json={"order_by": "key"})).json()["items"]
        assert [each["key"] for each in items] == listed
    own = [event for event in await mitra.outbox("contacts") if event.subject == f"consent_purpose/{purpose['id']}"]
    assert [event.type.split(".")[2] for event in own] == ["created", "updated", "archived", "restored"]


async def test_a_key_belongs_to_one_purpose_and_never_changes(mitra: Mitra, contacts: httpx.AsyncClient) -> None:
    purpose = await create_purpose(contacts, external_ids=[{"source": "crm", "id": "1"}])
    taken = await contacts.post(PATH, json=PURPOSE)
    assert (taken.status_code, taken.json()["code"]) == (409, "key_taken")
    operations = [
        {"op": "create", "data": PURPOSE | {"key": "ads"}},
        {"op": "create", "data": PURPOSE},
        {"op": "upsert", "key": {"source": "crm", "id": "1"}, "data": PURPOSE | {"name": "All news"}},
        {"op": "upsert", "key": {"source": "crm", "id": "2"}, "data": PURPOSE | {"key": "calls"}},
    ]
    answer = (await contacts.post(f"{PATH}/batch", json={"operations": operations})).json()
    assert [each["status"] for each in answer["results"]] == [201, 409, 200, 201]
    renamed = (await contacts.get(f"{PATH}/{purpose['id']}")).json()
    assert (renamed["name"], renamed["wordings"]) == ("All news", purpose["wordings"])
    fixed = [{"op": "upsert", "key": {"source": "crm", "id": "1"}, "data": PURPOSE | {"key": "else"}}]
    (refused,) = (await contacts.post(f"{PATH}/batch", json={"operations": fixed})).json()["results"]
    assert (refused["status"], refused["problem"]["code"]) == (409, "key_fixed")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"key": "News"}, "/key"),
        ({"channels": []}, "/channels"),
        ({"wordings": []}, "/wordings"),
        ({"wordings": [{"language": "en", "text": "a"}, {"language": "EN", "text": "b"}]}, "/wordings/1/language"),
        ({"wordings": [{"language": "no language", "text": "a"}]}, "/wordings/0/language"),
        ({"valid_days": 0}, "/valid_days"),
    ],
)
async def test_what_is_wrong_with_a_purpose_is_said(
    mitra: Mitra, contacts: httpx.AsyncClient, fields: dict[str, object], pointer: str
) -> None:
    answer = await contacts.post(PATH, json=PURPOSE | fields)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert await mitra.outbox("contacts") == []
