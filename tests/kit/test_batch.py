"""Batches: each item is answered as if it were alone, and a refused one leaves nothing."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.harness import Mitra

labels = st.sampled_from(["lamp", "desk", ""])
sources = st.sampled_from(["1", "2", "3"])


@pytest.fixture
async def things(mitra: Mitra) -> httpx.AsyncClient:
    return mitra.client("demo", mitra.caller(await mitra.new_tenant()))


async def send(things: httpx.AsyncClient, *operations: dict[str, Any], atomic: bool = False) -> httpx.Response:
    return await things.post("/v1/things/batch", json={"operations": list(operations), "atomic": atomic})


async def listed(things: httpx.AsyncClient) -> dict[str, tuple[str, int]]:
    items = (await things.get("/v1/things", params={"page_size": 200})).json()["items"]
    return {item["id"]: (item["label"], item["version"]) for item in items}


def operations_on(known: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Any operation: sound or not, on a thing that is there, on one that is not, or on a new one."""
    ids = st.sampled_from(known) | st.uuids().map(str)
    data = st.fixed_dictionaries({"label": labels}, optional={"amount_minor": st.integers(-1, 9), "colour": st.just("red")})
    external = st.fixed_dictionaries({"source": st.just("shop"), "id": sources})
    return st.one_of(
        st.fixed_dictionaries({"op": st.just("create"), "data": data}),
        st.fixed_dictionaries({"op": st.just("upsert"), "data": data}, optional={"key": external}),
        st.fixed_dictionaries({"op": st.just("update"), "data": data}, optional={"id": ids, "if_match": st.integers(1, 2)}),
        st.fixed_dictionaries({"op": st.just("archive")}, optional={"id": ids}),
    )


@hypothesis_settings(max_examples=50)
@given(data=st.data())
async def test_the_answers_tell_what_happened(running_mitra: Mitra, data: st.DataObject) -> None:
    """Laws: one answer per operation in its order; accepted + rejected = all; every accepted answer names a record in the version
    that it has; every version of every record has one event, a refused operation none; all or nothing with `atomic`.
    """
    mitra = running_mitra
    tenant_id = uuid4()
    things = mitra.client("demo", mitra.caller(tenant_id))
    known = [(await things.post("/v1/things", json={"label": "lamp"})).json()["id"] for _ in range(2)]
    operations = data.draw(st.lists(operations_on(known), min_size=1, max_size=8))
    before, answer = await listed(things), await send(things, *operations, atomic=data.draw(st.booleans()))
    body = answer.json()
    if answer.status_code == 422:
        assert body["code"] == "batch_refused"
        assert await listed(things) == before
        assert [e.sequence for e in await mitra.outbox("demo") if e.tenant_id == tenant_id] == [1, 1]
        return
    results = body["results"]
    assert [result["index"] for result in results] == list(range(len(operations)))
    assert body["accepted"] + body["rejected"] == len(operations)
    assert body["rejected"] == sum(result["problem"] is not None for result in results)
    versions: dict[str, int] = {}
    for result in results:
        assert (result["status"] < 300) is (result["problem"] is None)
        if result["status"] < 300:
            versions[result["id"]] = max(versions.get(result["id"], 0), result["version"])
    for thing_id, version in versions.items():
        assert (await things.get(f"/v1/things/{thing_id}")).json()["version"] == version
    told = sorted((event.subject, event.sequence) for event in await mitra.outbox("demo") if event.tenant_id == tenant_id)
    everything = {**dict.fromkeys(known, 1), **versions}
    assert told == sorted((f"thing/{id_}", n) for id_, version in everything.items() for n in range(1, version + 1))


async def test_each_item_is_refused_with_the_problem_that_it_would_have_alone(things: httpx.AsyncClient) -> None:
    known = (await things.post("/v1/things", json={"label": "lamp"})).json()["id"]
    await things.post(f"/v1/things/{known}/use", json={})
    alone = [
        await things.post("/v1/things", json={"label": "", "colour": "red"}),
        await things.patch(f"/v1/things/{known}", json={"label": "desk"}, headers={"If-Match": '"1"'}),
        await things.patch(f"/v1/things/{known}", json={"label": "desk"}),
        await things.post(f"/v1/things/{UUID(int=0)}/archive"),
    ]
    together = await send(
        things,
        {"op": "create", "data": {"label": "", "colour": "red"}},
        {"op": "update", "id": known, "if_match": 1, "data": {"label": "desk"}},
        {"op": "update", "id": known, "data": {"label": "desk"}},
        {"op": "archive", "id": str(UUID(int=0))},
    )
    for index, (single, result) in enumerate(zip(alone, together.json()["results"], strict=True)):
        problem = result["problem"]
        assert (result["status"], problem["code"]) == (single.status_code, single.json()["code"])
        pointers = [error["pointer"] for error in single.json()["errors"]]
        assert [error["pointer"] for error in problem["errors"]] == [f"/operations/{index}/data{pointer}" for pointer in pointers]


async def test_a_refused_change_leaves_the_record_free_for_the_next_item(mitra: Mitra, things: httpx.AsyncClient) -> None:
    known = (await things.post("/v1/things", json={"label": "lamp"})).json()["id"]
    answer = await send(
        things,
        {"op": "update", "id": known, "if_match": 9, "data": {"label": "desk"}},
        {"op": "update", "id": known, "if_match": 1, "data": {"label": "chair"}},
        {"op": "update", "id": known, "if_match": 2, "data": {"label": "stool"}},
    )
    assert [result["status"] for result in answer.json()["results"]] == [412, 200, 409]
    assert await listed(things) == {known: ("chair", 2)}
    assert [event.data["state"]["label"] for event in await mitra.outbox("demo")] == ["lamp", "chair"]


async def test_five_hundred_operations_are_taken_and_one_more_is_not(mitra: Mitra, things: httpx.AsyncClient) -> None:
    operation = {"op": "create", "data": {"label": "lamp"}}
    answer = await send(things, *[operation] * 500)
    assert (answer.json()["accepted"], len({result["id"] for result in answer.json()["results"]})) == (500, 500)
    assert len(await mitra.outbox("demo")) == 500
    for wrong in ([], [operation] * 501):
        refused = await send(things, *wrong)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/operations")


async def test_an_atomic_batch_lists_every_refused_item(things: httpx.AsyncClient) -> None:
    wrong, right = {"op": "create", "data": {}}, {"op": "create", "data": {"label": "lamp"}}
    refused = (await send(things, wrong, right, {"op": "archive"}, atomic=True)).json()
    assert [(error["pointer"], error["code"]) for error in refused["errors"]] == [
        ("/operations/0", "invalid"),
        ("/operations/2", "invalid"),
    ]
    assert refused["detail"] == "2 of 3 operations were refused, so none was carried out"


async def test_an_unknown_operation_or_field_is_refused_whole(things: httpx.AsyncClient) -> None:
    for operation, pointer in (({"op": "delete"}, "/operations/0/op"), ({"op": "create", "dat": {}}, "/operations/0/dat")):
        answer = await send(things, operation)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
