"""External ids: one bearer per tenant, noun and source, whoever claims at the same time."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import text

from services.contracts import ExternalId
from services.external_ids import FIND, claim, find_bearers, release
from services.identifiers import new_id
from tests.harness import Mitra


def key(number: int, source: str = "shop") -> ExternalId:
    return ExternalId(source=source, id=str(number))


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


async def test_the_first_claim_wins_and_the_second_is_told_who_bears_it(mitra: Mitra, tenant_id: UUID) -> None:
    first, second, third = new_id(), new_id(), new_id()
    async with mitra.session("demo", tenant_id) as session:
        assert await claim(session, "thing", [(key(1), first)]) == {key(1): first}
        assert await claim(session, "thing", [(key(1), second), (key(2), third)]) == {key(1): first, key(2): third}
        assert await find_bearers(session, "thing", [key(1), key(2), key(3)]) == {key(1): first, key(2): third}


async def test_an_id_twice_in_one_claim_has_one_bearer(mitra: Mitra, tenant_id: UUID) -> None:
    first, second = new_id(), new_id()
    async with mitra.session("demo", tenant_id) as session:
        bearers = await claim(session, "thing", [(key(1), first), (key(1), second)])
    assert bearers in ({key(1): first}, {key(1): second})


async def test_noun_source_and_tenant_each_have_ids_of_their_own(mitra: Mitra, tenant_id: UUID) -> None:
    ids = [new_id() for _ in range(4)]
    async with mitra.session("demo", tenant_id) as session:
        assert await claim(session, "thing", [(key(1), ids[0])]) == {key(1): ids[0]}
        assert await claim(session, "part", [(key(1), ids[1])]) == {key(1): ids[1]}
        assert await claim(session, "thing", [(key(1, "erp"), ids[2])]) == {key(1, "erp"): ids[2]}
        await session.commit()
    async with mitra.session("demo", await mitra.new_tenant()) as session:
        assert await find_bearers(session, "thing", [key(1)]) == {}
        assert await claim(session, "thing", [(key(1), ids[3])]) == {key(1): ids[3]}


async def test_nothing_is_asked_for_nothing(mitra: Mitra, tenant_id: UUID) -> None:
    async with mitra.session("demo", tenant_id) as session:
        assert (await claim(session, "thing", []), await find_bearers(session, "thing", [])) == ({}, {})
        assert not session.in_transaction()


async def test_twenty_claims_of_the_same_ids_in_any_order_end_with_one_bearer_each(mitra: Mitra, tenant_id: UUID) -> None:
    async def run(number: int) -> dict[ExternalId, UUID]:
        mine = new_id()
        keys = [key(n) for n in range(40)]
        async with mitra.session("demo", tenant_id) as session:
            found = await claim(session, "thing", [(k, mine) for k in (keys if number % 2 else reversed(keys))])
            await session.commit()
            return found

    answers = await asyncio.gather(*(run(number) for number in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert Counter(answers[0].values()).most_common() == [(next(iter(answers[0].values())), 40)]


async def test_a_claim_waits_for_the_one_before_it_and_takes_over_when_that_is_rolled_back(mitra: Mitra, tenant_id: UUID) -> None:
    first, second = new_id(), new_id()
    async with mitra.session("demo", tenant_id) as slow, mitra.session("demo", tenant_id) as fast:
        await claim(slow, "thing", [(key(1), first)])
        waiting = asyncio.create_task(claim(fast, "thing", [(key(1), second)]))
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
        await slow.rollback()
        assert await waiting == {key(1): second}


async def test_upserts_of_one_external_id_by_ten_callers_make_one_thing(mitra: Mitra, tenant_id: UUID) -> None:
    client = mitra.client("demo", mitra.caller(tenant_id))

    async def upsert(number: int) -> list[dict[str, object]]:
        operations = [{"op": "upsert", "key": {"source": "shop", "id": str(n)}, "data": {"label": f"by {number}"}} for n in range(5)]
        answer = await client.post("/v1/things/batch", json={"operations": operations})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    answers = await asyncio.gather(*(upsert(number) for number in range(10)))
    statuses = Counter(result["status"] for answer in answers for result in answer)
    assert statuses == {201: 5, 200: 45}
    assert len({result["id"] for answer in answers for result in answer}) == 5
    things = (await client.get("/v1/things")).json()["items"]
    assert sorted(thing["external_ids"][0]["id"] for thing in things) == ["0", "1", "2", "3", "4"]


async def test_a_released_id_is_free_for_another(mitra: Mitra, tenant_id: UUID) -> None:
    first, second = new_id(), new_id()
    async with mitra.session("demo", tenant_id) as session:
        await claim(session, "thing", [(key(1), first), (key(2), first)])
        await release(session, "thing", [(key(1), first), (key(2), second)])
        assert await claim(session, "thing", [(key(1), second), (key(2), second)]) == {key(1): second, key(2): first}


async def test_finding_bearers_reaches_the_index_before_the_table_was_ever_analysed(mitra: Mitra, tenant_id: UUID) -> None:
    keys = {key(number): new_id() for number in range(2000)}
    async with mitra.session("demo", tenant_id) as session:
        assert await claim(session, "thing", list(keys.items())) == keys
        await session.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        asked = text(f"EXPLAIN {FIND.text}").bindparams(*FIND._bindparams.values())
        plan = "\n".join(row[0] for row in await session.execute(asked, {"noun": "thing", "sources": ["shop"], "ids": ["7"]}))
    assert "external_id = wanted.external_id" in next(line for line in plan.splitlines() if "Index Cond" in line), plan
