"""Every operation of the merged OpenAPI document: it succeeds in its own tenant, is not there for another, and needs its scope."""

from typing import Any

import httpx

from services.routing import allows
from tests.gateway.conftest import Door
from tests.gateway.make import make_key
from tests.journeys.operations import PLATFORM, RECIPES, STREAMS, World


async def operations_of(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """The operations of the merged document by id, but for the stream (shown to be apart in tests/gateway)."""
    document = (await client.get("/openapi.json")).json()
    found = {o["operationId"]: o for path in document["paths"].values() for o in path.values()}
    return {name: o for name, o in found.items() if name not in STREAMS}


async def world_of(door: Door, email: str) -> World:
    company = await door.company(email=email)
    return World(door.mitra, company.tenant_id, door.client(company.token), await door.operator())


async def journaled(world: World) -> int:
    await world.mitra.drain()
    return int((await world.client.get("/v1/events/latest")).json()["seq"])


async def test_every_operation_succeeds_at_home_and_finds_nothing_of_another_tenant(door: Door) -> None:
    home, stranger = await world_of(door, "a@example.com"), await world_of(door, "b@example.com")
    faults = []
    for name in await operations_of(home.client):
        if name not in RECIPES:
            faults.append(f"{name}: nobody says how it succeeds")
            continue
        request = await RECIPES[name](home)
        if request.ids:
            before = await journaled(home)
            answer = await request.send(stranger.client)
            if answer.status_code != 404 or await journaled(home) != before:
                faults.append(f"{name}: another tenant got {answer.status_code}, journal {before} -> {await journaled(home)}")
        answer = await request.send(home.operator if name in PLATFORM else home.client)
        if not answer.is_success:
            faults.append(f"{name}: {answer.status_code} {answer.text[:300]}")
    assert faults == []


async def test_every_operation_is_refused_without_its_scope(door: Door) -> None:
    home = await world_of(door, "a@example.com")
    operations = await operations_of(home.client)
    scopes = sorted({o["x-scope"] for o in operations.values()} - {"platform:tenants"})
    faults = []
    for name, operation in operations.items():
        held = [scope for scope in scopes if not allows(frozenset({scope}), operation["x-scope"])]
        poor = door.client((await make_key(home.client, scopes=held))["secret"])
        answer = await (await RECIPES[name](home)).send(poor)
        if (answer.status_code, answer.json().get("code")) != (403, "missing_scope"):
            faults.append(f"{name}: {answer.status_code} {answer.text[:300]}")
    assert faults == []
