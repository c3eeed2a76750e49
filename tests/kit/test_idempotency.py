"""Idempotency keys: whose, for how long, and what is remembered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select, text

from services.errors import Conflict, Invalid
from services.idempotency import Answer, IdempotencyAnswer, find_answer, forget_old_answers, keyed_request, store_answer
from tests.harness import Mitra

KEY = {"Idempotency-Key": "k"}
REQUEST = keyed_request("POST", "/v1/things", key="k", body=b"{}")
CREATED = Answer(201, {"etag": '"1"'}, b'{"id": 1}')


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
async def things(mitra: Mitra, tenant_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    async with mitra.client("demo", mitra.caller(tenant_id)) as client:
        yield client


async def age(mitra: Mitra, tenant_id: UUID, interval: str) -> None:
    async with mitra.session("demo", tenant_id) as session:
        await session.execute(text(f"UPDATE idempotency_answer SET stored_at = now() - interval '{interval}'"))
        await session.commit()


async def count_answers(mitra: Mitra, tenant_id: UUID) -> int:
    async with mitra.session("demo", tenant_id) as session:
        return await session.scalar(select(func.count()).select_from(IdempotencyAnswer)) or 0


async def test_an_answer_is_kept_for_a_day(mitra: Mitra, tenant_id: UUID, things: httpx.AsyncClient) -> None:
    first = (await things.post("/v1/things", json={"label": "lamp"}, headers=KEY)).json()["id"]
    await age(mitra, tenant_id, "23 hours 59 minutes")
    assert (await things.post("/v1/things", json={"label": "lamp"}, headers=KEY)).json()["id"] == first
    await age(mitra, tenant_id, "24 hours 1 second")
    second = (await things.post("/v1/things", json={"label": "lamp"}, headers=KEY)).json()["id"]
    assert second != first
    assert (await things.post("/v1/things", json={"label": "lamp"}, headers=KEY)).json()["id"] == second


async def test_a_key_whose_answer_is_forgotten_takes_another_body(mitra: Mitra, tenant_id: UUID, things: httpx.AsyncClient) -> None:
    await things.post("/v1/things", json={"label": "lamp"}, headers=KEY)
    await age(mitra, tenant_id, "25 hours")
    assert (await things.post("/v1/things", json={"label": "desk"}, headers=KEY)).json()["label"] == "desk"


async def test_old_answers_are_swept_out_of_the_named_tenants_only(mitra: Mitra, tenant_id: UUID, things: httpx.AsyncClient) -> None:
    other = await mitra.new_tenant()
    for client in (things, mitra.client("demo", mitra.caller(other))):
        await client.post("/v1/things", json={"label": "lamp"}, headers=KEY)
    for each in (tenant_id, other):
        await age(mitra, each, "25 hours")
    await things.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": "young"})
    async with mitra.session("demo", tenant_id) as session:
        await forget_old_answers(session, [tenant_id])
        await session.commit()
    assert (await count_answers(mitra, tenant_id), await count_answers(mitra, other)) == (1, 1)


async def test_a_key_belongs_to_its_tenant_and_its_operation(mitra: Mitra, things: httpx.AsyncClient) -> None:
    stranger = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    made = [(await client.post("/v1/things", json={"label": "lamp"}, headers=KEY)).json()["id"] for client in (things, stranger)]
    assert made[0] != made[1]
    used = await things.post(f"/v1/things/{made[0]}/use", json={"amount_minor": 5}, headers=KEY)
    again = await things.post(f"/v1/things/{made[0]}/use", json={"amount_minor": 5}, headers=KEY)
    assert (used.status_code, again.status_code, again.json()["amount_minor"]) == (200, 200, 5)


async def test_a_repeated_patch_gets_its_first_answer_although_the_record_has_moved_on(mitra: Mitra, things: httpx.AsyncClient) -> None:
    made = (await things.post("/v1/things", json={"label": "lamp"})).json()["id"]
    headers = KEY | {"If-Match": '"1"'}
    first = await things.patch(f"/v1/things/{made}", json={"label": "desk"}, headers=headers)
    await things.post(f"/v1/things/{made}/use", json={})
    again = await things.patch(f"/v1/things/{made}", json={"label": "desk"}, headers=headers)
    assert (first.status_code, again.status_code, again.content, again.headers["etag"]) == (200, 200, first.content, '"2"')
    assert len(await mitra.outbox("demo")) == 3


async def test_a_caller_without_the_scope_gets_no_stored_answer(mitra: Mitra, tenant_id: UUID, things: httpx.AsyncClient) -> None:
    body = {"label": "lamp", "secret": "owner-held"}
    assert (await things.post("/v1/things", json=body, headers=KEY)).status_code == 201
    reader = mitra.client("demo", mitra.caller(tenant_id, scopes=["things:read"]))
    refused = await reader.post("/v1/things", json=body, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert "owner-held" not in refused.text


async def test_the_query_is_a_part_of_the_request(things: httpx.AsyncClient) -> None:
    assert (await things.post("/v1/things", json={"label": "lamp"}, headers=KEY)).status_code == 201
    other = await things.post("/v1/things", params={"dry_run": "true"}, json={"label": "lamp"}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_has_between_1_and_255_characters(things: httpx.AsyncClient, key: str) -> None:
    answer = await things.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#header/Idempotency-Key")
    with pytest.raises(Invalid):
        keyed_request("POST", "/", key=f"a\x00{key}", body=b"")


async def test_while_the_first_request_runs_the_second_is_told_so(mitra: Mitra, tenant_id: UUID) -> None:
    async with mitra.session("demo", tenant_id) as first, mitra.session("demo", tenant_id) as second:
        assert await find_answer(first, REQUEST) is None
        with pytest.raises(Conflict) as busy:
            await find_answer(second, REQUEST)
        assert busy.value.code == "idempotency_key_in_use"
        await second.rollback()
        await store_answer(first, REQUEST, CREATED)
        await first.commit()
        assert await find_answer(second, REQUEST) == CREATED


async def test_a_first_request_that_fails_frees_its_key(mitra: Mitra, tenant_id: UUID) -> None:
    async with mitra.session("demo", tenant_id) as first, mitra.session("demo", tenant_id) as second:
        assert await find_answer(first, REQUEST) is None
        await store_answer(first, REQUEST, CREATED)
        await first.rollback()
        assert await find_answer(second, REQUEST) is None


async def test_thirty_keys_at_once_from_ten_senders_each_make_each_thing_once(mitra: Mitra, things: httpx.AsyncClient) -> None:
    async def send(key: int) -> httpx.Response:
        while True:
            answer = await things.post("/v1/things", json={"label": f"lamp {key}"}, headers={"Idempotency-Key": str(key)})
            if answer.status_code != 409:
                return answer

    answers = await asyncio.gather(*(send(n % 30) for n in range(300)))
    made: dict[str, set[str]] = {}
    for answer in answers:
        made.setdefault(answer.json()["label"], set()).add(answer.json()["id"])
    assert {answer.status_code for answer in answers} == {201}
    assert (len(made), {len(ids) for ids in made.values()}) == (30, {1})
    assert len(await mitra.outbox("demo")) == 30


async def test_an_answer_is_kept_with_its_contact_so_that_an_erasure_finds_it(mitra: Mitra, tenant_id: UUID) -> None:
    contact_id = uuid4()
    async with mitra.session("demo", tenant_id) as session:
        await store_answer(session, REQUEST, CREATED, contact_id=contact_id)
        await session.commit()
        kept: Any = (await session.scalars(select(IdempotencyAnswer))).one()
    assert (kept.contact_id, kept.status, kept.headers, kept.body) == (contact_id, 201, {"etag": '"1"'}, b'{"id": 1}')
