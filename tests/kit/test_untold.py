"""No write without an event, no event without a write."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from demo_svc.things.models import Thing
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gateway.routing.front import Front
from gateway.settings import GatewaySettings
from services.embedded import Server
from tests.gateway.conftest import Door
from tests.harness import Mitra
from tests.journeys.operations import PLATFORM, RECIPES, World
from tests.kit.untold import loud_tables, untold_writes, unwritten_tables

verbs = st.sampled_from(["create", "patch", "patch-stale", "use", "archive", "restore", "batch", "upsert", "drain"])


async def act(mitra: Mitra, things: httpx.AsyncClient, verb: str, number: int) -> None:
    """One operation on things, allowed or not."""
    items = (await things.get("/v1/things")).json()["items"]
    thing: dict[str, Any] = items[number % len(items)] if items else {"id": str(UUID(int=0)), "version": 1}
    path = f"/v1/things/{thing['id']}"
    if verb == "create":
        await things.post("/v1/things", json={"label": "lamp"}, headers={"Idempotency-Key": str(number % 3)})
    elif verb.startswith("patch"):
        version = thing["version"] - (verb == "patch-stale")
        await things.patch(path, json={"label": f"label {number % 3}"}, headers={"If-Match": str(version)})
    elif verb == "batch":
        operations = [{"op": "update", "id": thing["id"], "if_match": thing["version"], "data": {"amount_minor": number}}]
        operations += [{"op": "archive", "id": thing["id"]}, {"op": "create", "data": {"label": "x" * (number % 2)}}]
        await things.post("/v1/things/batch", json={"operations": operations, "atomic": number % 5 == 0})
    elif verb == "upsert":
        key = {"source": "shop", "id": str(number % 3)}
        await things.post("/v1/things/batch", json={"operations": [{"op": "upsert", "key": key, "data": {"label": str(number)}}]})
    elif verb == "drain":
        await mitra.drain()
    else:
        await things.post(f"{path}/{verb}", json={} if verb == "use" else None)


@hypothesis_settings(max_examples=10)
@given(script=st.lists(st.tuples(verbs, st.integers(0, 9)), max_size=10))
async def test_every_version_of_every_row_has_its_event(running_mitra: Mitra, server: Server, script: list[tuple[str, int]]) -> None:
    """Law: after any sequence of requests, allowed or refused, the events of each row are numbered 1 to its version."""
    mitra = running_mitra
    await mitra.empty()
    things = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    await things.post("/v1/things", json={"label": "first"})
    for verb, number in script:
        await act(mitra, things, verb, number)
    assert await untold_writes(mitra, server) == []


@pytest.mark.parametrize(
    ("statement", "events"),
    [
        ("UPDATE thing SET version = version + 1", "version 2, events [1]"),
        ("DELETE FROM outbox", "version 1, events []"),
        ("UPDATE outbox SET event = replace(event, '\"sequence\":1', '\"sequence\":2')", "version 1, events [2]"),
    ],
)
async def test_a_planted_silent_write_is_found(mitra: Mitra, server: Server, statement: str, events: str) -> None:
    tenant_id = await mitra.new_tenant()
    made = (await mitra.client("demo", mitra.caller(tenant_id)).post("/v1/things", json={"label": "lamp"})).json()["id"]
    assert await untold_writes(mitra, server) == []
    async with mitra.session("demo", tenant_id) as session:
        await (await session.connection()).exec_driver_sql(statement)
        await session.commit()
    assert await untold_writes(mitra, server) == [f"demo.thing {made}: {events}"]


async def test_a_loud_table_has_what_an_event_needs_of_it(mitra: Mitra) -> None:
    """Every table of every service is a record with a version and a partition key, or says that it is silent."""
    for manifest in mitra.manifests:
        for table in loud_tables(manifest):
            assert {"id", "tenant_id", "version", "partition_key", "updated_at"} <= set(table.columns.keys()), (manifest.name, table.name)
            assert manifest.contracts, f"{manifest.name} has loud tables and publishes nothing"
    assert Thing.__table__ in loud_tables(next(m for m in mitra.manifests if m.name == "demo"))


async def test_every_operation_of_every_service_tells_what_it_writes(mitra: Mitra, server: Server) -> None:
    """Each operation is driven as in the tenancy matrix; then every loud table holds rows, and every version of them has its event."""
    front = Front(dict(mitra.apps), mitra.settings, GatewaySettings())
    async with front.open():
        door = Door(mitra, front)
        company = await door.company(email="a@example.com")
        world = World(mitra, company.tenant_id, door.client(company.token), await door.operator())
        for name, recipe in RECIPES.items():
            await (await recipe(world)).send(world.operator if name in PLATFORM else world.client)
        await mitra.drain()
    assert await untold_writes(mitra, server) == []
    assert await unwritten_tables(mitra, server) == []
