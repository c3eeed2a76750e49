"""One request, one transaction, one commit, before the answer leaves; and what fails leaves nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import httpx
import pytest
from demo_svc.manifest import manifest as demo
from demo_svc.things import operations
from demo_svc.things.schemas import ThingCreate
from fastapi import BackgroundTasks
from sqlalchemy import text
from starlette.types import Message, Receive, Scope, Send

from services import provisioning
from services.application import create_app
from services.embedded import Server
from services.errors import Conflict
from services.routing import Router, SessionDep
from tests.harness import Mitra

router = Router("parts", prefix="/v1/parts")


@router.operation("POST", "/{how}", name="create", scope="things:write", status_code=201)
async def make_part(session: SessionDep, how: str, later: BackgroundTasks) -> dict[str, str]:
    """Create a thing and then fail in one way or another. Errors: 409."""
    (thing,) = await operations.create_things(session, [ThingCreate(label="lamp")])
    if how == "refused":
        raise Conflict("not today")
    if how == "crashed":
        raise ZeroDivisionError
    if how == "broken":
        await session.execute(text("SELECT 1 / 0"))
    if how == "answered-wrongly":
        return {"id": object()}  # type: ignore[dict-item]
    if how == "trespassing":
        await session.execute(text("INSERT INTO thing_tally VALUES (gen_random_uuid(), gen_random_uuid(), '[]')"))
    later.add_task(asyncio.sleep, 0)
    return {"id": str(thing.id)}


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
async def parts(mitra: Mitra, tenant_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(replace(demo, routers=lambda: [router]), mitra.settings, clock=mitra.clock)
    async with app.router.lifespan_context(app), mitra.client("demo", mitra.caller(tenant_id)) as client:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://mitra", headers=client.headers) as client:
            yield client


@pytest.fixture
async def onlooker(server: Server) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Another connection, which sees what is committed of every tenant."""
    connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "mitra_demo"))
    yield connection
    await connection.close()


async def test_the_answer_leaves_only_after_the_commit(
    mitra: Mitra, tenant_id: UUID, onlooker: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Two hundred times: the moment that the head of an answer is sent, another connection sees the row and its event."""
    app, token = mitra.apps["demo"], mitra.client("demo", mitra.caller(tenant_id)).headers["authorization"]
    seen: list[int] = []

    async def looking(scope: Scope, receive: Receive, send: Send) -> None:
        async def look_first(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                thing_id = UUID(headers[b"mitra-version"].decode().removeprefix("thing/").partition("@")[0])
                told = "SELECT count(*) FROM outbox WHERE event::jsonb ->> 'subject' = 'thing/' || $1::text"
                row = await onlooker.fetchval("SELECT count(*) FROM thing WHERE id = $1", thing_id)
                seen.append(row + await onlooker.fetchval(told, str(thing_id)))
            await send(message)

        await app(scope, receive, look_first)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=looking), base_url="http://mitra") as client:
        client.headers["authorization"] = token
        for _ in range(200):
            assert (await client.post("/v1/things", json={"label": "lamp"})).status_code == 201
    assert seen == [2] * 200


async def test_a_request_that_goes_well_is_committed(parts: httpx.AsyncClient, onlooker: "asyncpg.Connection[asyncpg.Record]") -> None:
    answer = await parts.post("/v1/parts/well")
    assert answer.status_code == 201
    assert await onlooker.fetchval("SELECT id FROM thing") == UUID(answer.json()["id"])


@pytest.mark.parametrize(
    ("how", "status"), [("refused", 409), ("crashed", 500), ("broken", 422), ("answered-wrongly", 500), ("trespassing", 500)]
)
async def test_a_request_that_fails_leaves_no_row_and_no_event(
    parts: httpx.AsyncClient, onlooker: "asyncpg.Connection[asyncpg.Record]", how: str, status: int
) -> None:
    answer = await parts.post(f"/v1/parts/{how}", headers={"Idempotency-Key": "k"})
    assert answer.status_code == status, answer.text
    for table in ("thing", "outbox", "idempotency_answer"):
        assert await onlooker.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_a_caller_that_hangs_up_leaves_nothing_half_done(
    mitra: Mitra, parts: httpx.AsyncClient, onlooker: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    requests = [asyncio.create_task(parts.post("/v1/parts/well")) for _ in range(20)]
    for turns, request in enumerate(requests):
        for _ in range(turns * 3):
            await asyncio.sleep(0)
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    assert (await parts.post("/v1/parts/well")).status_code == 201
    things = await onlooker.fetchval("SELECT count(*) FROM thing")
    assert (things >= 1, await onlooker.fetchval("SELECT count(*) FROM outbox")) == (True, things)
    assert await onlooker.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'") == 0


async def test_the_connection_that_came_back_last_is_taken_next(mitra: Mitra) -> None:
    """The server keeps plans and the catalogue for each connection: of many that a burst has opened, one suffices for what follows."""
    engine = mitra.databases["contacts"].engine
    async with engine.connect(), engine.connect(), engine.connect():
        pass
    used = set()
    for _ in range(6):
        async with engine.connect() as connection:
            used.add(await connection.scalar(text("SELECT pg_backend_pid()")))
    assert len(used) == 1
