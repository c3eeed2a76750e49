"""A database that refuses, hangs, is slow or breaks off: a clear 503 within a bounded time, nothing half-written, and no restart needed."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from demo_svc.manifest import manifest as demo
from demo_svc.things.models import Thing, ThingTally
from demo_svc.things.operations import on_thing
from sqlalchemy import select
from starlette.types import ASGIApp

from gateway.keys.operations import bootstrap
from gateway.manifest import manifest as gateway
from gateway.routing.front import Front
from gateway.settings import GatewaySettings
from services.application import create_app
from services.consumer import Consumer
from services.contracts import Event
from services.database import Database
from services.relay import Relay
from services.settings import Settings, plain_url
from tests.faults.proxy import Proxy
from tests.harness import Mitra

BOUND_SECONDS = 10.0  # half a second for the answer, two for the connection to be given up, the rest for a busy machine
Line = tuple[Proxy, Settings]


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@asynccontextmanager
async def client_of(mitra: Mitra, tenant_id: UUID, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the demo service on the database that `settings` lead to."""
    app = create_app(demo, settings, clock=mitra.clock)
    async with app.router.lifespan_context(app), mitra.client("demo", mitra.caller(tenant_id)) as known:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://mitra", headers=known.headers) as client:
            yield client


@pytest.fixture
async def things(mitra: Mitra, tenant_id: UUID, line: Line) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the demo service, whose database is at the other end of the line."""
    async with client_of(mitra, tenant_id, line[1]) as client:
        yield client
        line[0].speak()


async def make(client: httpx.AsyncClient, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post("/v1/things", json={"label": "lamp"}, headers=headers)


async def is_refused(asking: Coroutine[Any, Any, httpx.Response]) -> None:
    """The answer is the problem document of 503, in time."""
    began = time.monotonic()
    answer = await asking
    assert time.monotonic() - began < BOUND_SECONDS
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert (answer.json()["code"], answer.headers["retry-after"]) == ("unavailable", "1")


async def eventually(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The first answer that is no refusal: connections that died unnoticed are found one by one."""
    async with asyncio.timeout(10):
        while (answer := await ask()).status_code == 503:
            pass
    return answer


async def told(mitra: Mitra) -> Counter[str]:
    return Counter(envelope.subject for envelope in await mitra.outbox("demo"))


async def rows(mitra: Mitra, tenant_id: UUID) -> list[str]:
    async with mitra.session("demo", tenant_id) as session:
        return [f"thing/{each}" for each in await session.scalars(select(Thing.id))]


async def test_a_database_that_refuses_is_a_clear_503_and_needs_no_restart(
    mitra: Mitra, tenant_id: UUID, things: httpx.AsyncClient, line: Line
) -> None:
    assert (await make(things)).status_code == 201
    await line[0].refuse()
    for _ in range(2):
        await is_refused(make(things, "k"))
        await is_refused(things.get("/v1/things"))
    ready = await things.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unready")
    await line[0].accept()
    assert (await eventually(lambda: make(things, "k"))).status_code == 201
    assert sorted(await told(mitra)) == sorted(await rows(mitra, tenant_id))
    assert (await told(mitra)).total() == 2


async def test_a_connection_that_is_known_to_be_dead_is_replaced_before_anybody_gets_it(things: httpx.AsyncClient, line: Line) -> None:
    assert (await make(things)).status_code == 201
    await line[0].cut()
    await asyncio.sleep(0.1)  # the driver sees the end of the connection
    assert (await make(things)).status_code == 201


async def test_a_database_that_hangs_is_given_up_in_time_and_writes_nothing_later(
    mitra: Mitra, tenant_id: UUID, things: httpx.AsyncClient, line: Line
) -> None:
    assert (await make(things)).status_code == 201
    line[0].fall_silent()
    await asyncio.gather(*(is_refused(make(things)) for _ in range(line[1].pool_size + 5)))
    await is_refused(things.get("/v1/things"))
    line[0].speak()
    assert (await eventually(lambda: make(things, "k"))).status_code == 201
    assert sorted(await told(mitra)) == sorted(await rows(mitra, tenant_id))
    assert (await told(mitra)).total() == 2


async def test_a_slow_database_slows_and_one_that_is_too_slow_is_given_up(things: httpx.AsyncClient, line: Line) -> None:
    assert (await make(things)).status_code == 201
    line[0].delay_seconds = 0.03
    assert (await make(things)).status_code == 201
    line[0].delay_seconds = 0.3
    await is_refused(make(things))


async def test_a_lock_that_nobody_frees_is_a_503_and_the_wait_for_it_ends_with_the_request(
    mitra: Mitra, tenant_id: UUID, things: httpx.AsyncClient
) -> None:
    thing = (await make(things)).json()
    async with mitra.session("demo", tenant_id) as session:
        await session.execute(select(Thing).where(Thing.id == UUID(thing["id"])).with_for_update())
        await is_refused(things.patch(f"/v1/things/{thing['id']}", json={"label": "sun"}, headers={"If-Match": '"1"'}))
    found = (await things.get(f"/v1/things/{thing['id']}")).json()
    assert (found["label"], found["version"]) == ("lamp", 1)
    assert (await told(mitra)).total() == 1


async def test_a_line_that_breaks_at_any_moment_leaves_a_whole_thing_or_none(mitra: Mitra, tenant_id: UUID, line: Line) -> None:
    """Forty keyed creates are repeated until they are answered, while the line is cut again and again."""
    line[0].delay_seconds = 0.002
    patient = line[1].model_copy(update={"answer_seconds": 30.0})
    answered: list[str] = []

    async def insist(client: httpx.AsyncClient, key: str) -> None:
        while (answer := await make(client, key)).status_code != 201:
            assert answer.status_code in (409, 503), answer.text
        answered.append(f"thing/{answer.json()['id']}")

    async with client_of(mitra, tenant_id, patient) as client:
        insisting = asyncio.gather(*(insist(client, str(uuid4())) for _ in range(40)))
        for _ in range(15):
            await asyncio.sleep(0.02)
            await line[0].cut()
        await insisting
    assert sorted(answered) == sorted(await rows(mitra, tenant_id))
    assert await told(mitra) == Counter(dict.fromkeys(answered, 1))


@asynccontextmanager
async def door(mitra: Mitra, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The front with the operator's key; its keys are read through the line, each time anew."""
    key = await bootstrap(mitra.databases["gateway"])
    async with AsyncExitStack() as stack:
        own = create_app(gateway, settings, clock=mitra.clock)
        await stack.enter_async_context(own.router.lifespan_context(own))
        apps: dict[str, ASGIApp] = {**mitra.apps, "gateway": own}
        transport = httpx.ASGITransport(app=Front(apps, settings, GatewaySettings(key_seconds=0.0)))
        headers = {"Authorization": f"Bearer {key}"}
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://mitra", headers=headers))


async def test_the_door_says_503_while_it_cannot_read_its_keys(mitra: Mitra, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.keys.ring.READ_SECONDS", 0.5)
    async with door(mitra, line[1]) as client:
        assert (await client.get("/v1/tenants")).status_code == 200
        line[0].fall_silent()
        await is_refused(client.get("/v1/tenants"))
        line[0].speak()
        assert (await eventually(lambda: client.get("/v1/tenants"))).status_code == 200
        await line[0].refuse()
        await is_refused(client.get("/v1/tenants"))
        await line[0].accept()
        assert (await eventually(lambda: client.get("/v1/tenants"))).status_code == 200


async def test_relay_and_consumer_go_on_by_themselves_after_the_database_was_away(mitra: Mitra, tenant_id: UUID, line: Line) -> None:
    database = Database(line[1].database("demo"), pool_size=2)
    bus = mitra.workers["demo"].relay._bus
    relay = Relay(plain_url(line[1].database("demo")), bus, service="demo")
    consumer = Consumer("line", database, bus, topics=["crm.demo"], handlers={Event: [on_thing]})
    moving = [asyncio.create_task(relay.run()), asyncio.create_task(consumer.run())]

    async def is_applied(count: int) -> None:
        async with asyncio.timeout(20):
            while consumer.applied < count:
                await asyncio.sleep(0.02)

    async with mitra.client("demo", mitra.caller(tenant_id)) as client:
        await make(client)
        await is_applied(1)
        await line[0].refuse()
        await make(client)
        await line[0].accept()
        await is_applied(2)
        await line[0].cut()
        await make(client)
        await is_applied(3)
    for task in moving:
        task.cancel()
    await asyncio.gather(*moving, return_exceptions=True)
    await consumer.close()
    await database.close()
    async with mitra.session("demo", tenant_id) as session:
        assert (await session.scalars(select(ThingTally.sequences))).all() == [["1"]] * 3
    assert await mitra.outbox("demo") == []
