"""The HTTP contract of design.md section 6, shown on the things of the demo service."""

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest

from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def things(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("demo", mitra.caller(tenant_id))


async def create(things: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    answer = await things.post("/v1/things", json={"label": "lamp", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_created_thing_is_answered_with_its_etag_and_leaves_one_event(mitra: Mitra, things: httpx.AsyncClient) -> None:
    answer = await things.post("/v1/things", json={"label": "lamp", "amount_minor": 1177, "secret": "canary"})
    thing = answer.json()
    assert (answer.status_code, answer.headers["etag"], answer.headers["mitra-version"]) == (201, '"1"', f"thing/{thing['id']}@1")
    (event,) = await mitra.outbox("demo")
    assert (event.type, event.subject, event.sequence) == ("demo.thing.created.v1", f"thing/{thing['id']}", 1)
    assert event.data["state"]["amount_minor"] == 1177
    assert "canary" not in event.to_json().decode()


async def test_an_unknown_field_is_named_with_its_pointer(things: httpx.AsyncClient) -> None:
    answer = await things.post("/v1/things", json={"label": "lamp", "colour": "red"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (422, "invalid", "/colour")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"label": "\\u0000"}', b'{"label": "\\ud800"}', b"\xff\xfe", b'{"label": 1e999}'])
async def test_no_body_makes_a_crash(things: httpx.AsyncClient, body: bytes) -> None:
    answer = await things.post("/v1/things", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["status"] == answer.status_code


async def test_a_stale_patch_is_refused_and_a_patch_without_if_match_too(mitra: Mitra, things: httpx.AsyncClient) -> None:
    thing = await create(things)
    path = f"/v1/things/{thing['id']}"
    assert (await things.patch(path, json={"label": "desk"})).status_code == 428
    assert (await things.patch(path, json={"label": "desk"}, headers={"If-Match": '"7"'})).status_code == 412
    changed = await things.patch(path, json={"label": "desk"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["label"], changed.headers["etag"]) == (200, "desk", '"2"')
    event = (await mitra.outbox("demo"))[-1]
    assert (event.type, event.sequence, event.data["changed"]) == ("demo.thing.updated.v1", 2, ["label"])


async def test_a_patch_that_changes_nothing_publishes_nothing(mitra: Mitra, things: httpx.AsyncClient) -> None:
    thing = await create(things)
    answer = await things.patch(f"/v1/things/{thing['id']}", json={"label": "lamp"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["etag"], len(await mitra.outbox("demo"))) == (200, '"1"', 1)


async def test_a_verb_that_does_not_fit_names_the_present_state(things: httpx.AsyncClient) -> None:
    thing = await create(things)
    assert (await things.post(f"/v1/things/{thing['id']}/use", json={})).status_code == 200
    refused = (await things.post(f"/v1/things/{thing['id']}/use", json={})).json()
    assert (refused["status"], refused["code"], refused["state"], refused["verbs_that_fit"]) == (409, "wrong_state", "used", [])


async def test_a_repeated_key_gets_the_first_answer_and_nothing_happens_twice(mitra: Mitra, things: httpx.AsyncClient) -> None:
    first = await things.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": "a"})
    again = await things.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": "a"})
    assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, '"1"')
    assert len(await mitra.outbox("demo")) == 1
    other = await things.post("/v1/things", json={"label": "desk"}, headers={"Idempotency-Key": "a"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refused_request_may_be_sent_again_under_its_key(things: httpx.AsyncClient) -> None:
    refused = await things.post("/v1/things", json={"label": ""}, headers={"Idempotency-Key": "b"})
    assert refused.status_code == 422
    assert (await things.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": "b"})).status_code == 201


async def test_twenty_requests_with_one_key_make_one_thing(mitra: Mitra, things: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(things.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": "c"}) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(await mitra.outbox("demo")) == 1


async def test_another_tenants_thing_does_not_exist(mitra: Mitra, things: httpx.AsyncClient) -> None:
    thing = await create(things)
    stranger = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    for method, path in (("GET", ""), ("POST", "/use"), ("POST", "/archive"), ("PATCH", "")):
        answer = await stranger.request(
            method, f"/v1/things/{thing['id']}{path}", json=None if method == "GET" else {}, headers={"If-Match": "1"}
        )
        assert answer.status_code == 404, (method, path)
    assert (await stranger.get("/v1/things")).json()["items"] == []


async def test_scopes_are_needed_and_write_covers_read(mitra: Mitra, tenant_id: UUID) -> None:
    reader = mitra.client("demo", mitra.caller(tenant_id, scopes=["things:read"]))
    assert (await reader.get("/v1/things")).status_code == 200
    refused = await reader.post("/v1/things", json={"label": "lamp"})
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    writer = mitra.client("demo", mitra.caller(tenant_id, scopes=["things:write"]))
    assert (await writer.get("/v1/things")).status_code == 200
    assert (await mitra.client("demo", mitra.caller(tenant_id, scopes=[])).get("/v1/things")).status_code == 403


async def test_no_token_and_a_forged_token_are_nobody(mitra: Mitra, things: httpx.AsyncClient) -> None:
    del things.headers["Authorization"]
    assert (await things.get("/v1/things")).status_code == 401
    answer = await things.get("/v1/things", headers={"Authorization": "Bearer e30.e30.e30"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_pages_follow_one_another_without_gap_or_repeat(things: httpx.AsyncClient) -> None:
    made = [(await create(things, amount_minor=n % 3))["id"] for n in range(23)]
    seen: list[str] = []
    cursor = None
    while True:
        query = {"page_size": 5, "order_by": "-amount_minor"} | ({"cursor": cursor} if cursor else {})
        page = (await things.get("/v1/things", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(made)


async def test_a_cursor_of_another_list_is_refused(things: httpx.AsyncClient) -> None:
    for _ in range(3):
        await create(things)
    cursor = (await things.get("/v1/things", params={"page_size": 1})).json()["next_cursor"]
    other = await things.get("/v1/things", params={"page_size": 1, "cursor": cursor, "order_by": "created_at"})
    assert (other.status_code, other.json()["code"]) == (422, "foreign_cursor")
    assert (await things.get("/v1/things", params={"cursor": "rubbish"})).status_code == 422


async def test_a_filter_narrows_a_list_and_says_where_it_is_wrong(things: httpx.AsyncClient) -> None:
    await create(things, label="lamp", amount_minor=5)
    await create(things, label="desk", amount_minor=50)
    found = (await things.post("/v1/things/search", json={"filter": 'amount_minor > 10 AND label = "desk"', "include_total": True})).json()
    assert ([item["label"] for item in found["items"]], found["total"]) == (["desk"], 1)
    wrong = await things.get("/v1/things", params={"filter": "amount_minor >"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#query/filter")


async def test_a_batch_answers_each_item_and_keeps_what_is_sound(mitra: Mitra, things: httpx.AsyncClient) -> None:
    known = await create(things)
    operations = [
        {"op": "create", "data": {"label": "desk"}},
        {"op": "create", "data": {"label": ""}},
        {"op": "upsert", "key": {"source": "shop", "id": "7"}, "data": {"label": "chair"}},
        {"op": "upsert", "key": {"source": "shop", "id": "7"}, "data": {"label": "stool"}},
        {"op": "upsert", "data": {"label": "chair"}},
        {"op": "update", "id": known["id"], "if_match": 1, "data": {"label": "torch"}},
        {"op": "update", "id": str(uuid4()), "if_match": 1, "data": {}},
        {"op": "archive", "id": known["id"]},
    ]
    answer = await things.post("/v1/things/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [result["status"] for result in body["results"]] == [201, 422, 201, 409, 422, 200, 404, 409]
    assert (body["accepted"], body["rejected"]) == (3, 5)
    assert body["results"][1]["problem"]["errors"][0]["pointer"] == "/operations/1/data/label"


async def test_an_atomic_batch_with_one_wrong_item_changes_nothing(mitra: Mitra, things: httpx.AsyncClient) -> None:
    operations = [{"op": "create", "data": {"label": "desk"}}, {"op": "create", "data": {"label": ""}}]
    answer = await things.post("/v1/things/batch", json={"operations": operations, "atomic": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "batch_refused")
    assert (await things.get("/v1/things")).json()["items"] == []
    assert await mitra.outbox("demo") == []


async def test_a_job_is_read_with_its_progress_and_its_result(mitra: Mitra, things: httpx.AsyncClient, tenant_id: UUID) -> None:
    from services.jobs import enqueue

    async with mitra.session("demo", tenant_id) as session:
        job = await enqueue(session, "count", "once", arguments={"to": 3})
        again = await enqueue(session, "count", "once", arguments={"to": 9})
        await session.commit()
    assert job.id == again.id
    assert (await things.get(f"/v1/demo-jobs/{job.id}")).json()["status"] == "queued"
    await mitra.drain()
    read = (await things.get(f"/v1/demo-jobs/{job.id}")).json()
    assert (read["status"], read["progress_bps"], read["result"]) == ("succeeded", 10_000, {"counted": 3})
    assert (await things.post(f"/v1/demo-jobs/{job.id}/cancel")).status_code == 409
    stranger = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get(f"/v1/demo-jobs/{job.id}")).status_code == 404


async def test_a_misspelt_list_parameter_is_refused(things: httpx.AsyncClient) -> None:
    answer = await things.get("/v1/things", params={"pagesize": 5})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#query/pagesize")
