"""Keys: what they open, for whom, for how long, and how little is kept of them."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event

from gateway.keys.ring import MOST_KNOWN, MOST_UNKNOWN, KeyRing
from gateway.settings import GatewaySettings
from services.embedded import Server
from services.errors import Unauthenticated
from tests.gateway.conftest import Door, Doors
from tests.gateway.contents import stored
from tests.gateway.make import make_key


async def test_a_key_acts_as_its_user_within_its_scopes(near_door: Door) -> None:
    company = await near_door.company()
    mine = near_door.client(company.token)
    user = (await mine.post("/v1/users", json={"email": "g@acme.example", "name": "G"})).json()
    made = await make_key(mine, scopes=["things:read", "users:read"], user_id=user["id"])
    assert made["secret"].startswith(f"mk_{made['prefix']}_")
    assert (made["user_id"], made["scopes"], made["status"]) == (user["id"], ["things:read", "users:read"], "active")
    reader = near_door.client(made["secret"])
    assert (await reader.get("/v1/things")).status_code == 200
    refused = await reader.post("/v1/things", json={"label": "lamp"})
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    me = (await reader.get("/v1/users", params={"filter": "id = me"})).json()["items"]
    assert [each["id"] for each in me] == [user["id"]]


async def test_a_key_is_told_of_without_its_secret_and_read_without_it(near_door: Door, server: Server) -> None:
    company = await near_door.company()
    mine = near_door.client(company.token)
    made = await make_key(mine, scopes=["things:*"])
    told = (await near_door.mitra.outbox("gateway"))[-1]
    assert (told.type, told.data["state"]["scopes"], told.data["state"]["prefix"]) == (
        "platform.key.created.v1",
        ["things:*"],
        made["prefix"],
    )
    read = (await mine.get(f"/v1/keys/{made['id']}")).json()
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert made["id"] in {item["id"] for item in (await mine.get("/v1/keys")).json()["items"]}
    await near_door.mitra.drain()
    secret = made["secret"].removeprefix(f"mk_{made['prefix']}_")
    assert [table for table, text in (await stored(server, "gateway", "bus")).items() if secret in text] == []


@pytest.mark.parametrize(
    ("held", "wanted", "given"),
    [
        (["*"], ["*"], True),
        (["*"], ["orders:write", "things:*"], True),
        (["keys:write", "things:*"], ["things:read", "things:write", "things:*"], True),
        (["keys:write", "things:write"], ["things:read"], True),
        (["keys:write", "things:read"], ["things:write"], False),
        (["keys:write", "things:write"], ["things:*"], False),
        (["keys:write", "things:*"], ["*"], False),
        (["keys:write"], ["keys:read", "users:read"], False),
    ],
)
async def test_nobody_hands_on_scopes_that_they_do_not_have(near_door: Door, held: list[str], wanted: list[str], given: bool) -> None:
    company = await near_door.company()
    giver = near_door.client((await make_key(near_door.client(company.token), scopes=held))["secret"])
    answer = await giver.post("/v1/keys", json={"name": "next", "scopes": wanted})
    assert answer.status_code == (201 if given else 403)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["Orders:read"]}, "/scopes/0"),
        ({"scopes": ["*:*"]}, "/scopes/0"),
        ({"scopes": ["orders"]}, "/scopes/0"),
        ({"user_id": str(uuid4())}, "/user_id"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "/expires_at"),
        ({"prefix": "mine"}, "/prefix"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(near_door: Door, fields: dict[str, object], pointer: str) -> None:
    company = await near_door.company()
    refused = await near_door.client(company.token).post("/v1/keys", json={"name": "till", "scopes": ["things:read"], **fields})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await near_door.mitra.outbox("gateway") == []


async def test_another_tenants_user_is_no_user_to_act_as(near_door: Door) -> None:
    one, other = await near_door.company(), await near_door.company(name="Other")
    body = {"name": "till", "scopes": ["things:read"], "user_id": str(other.user_id)}
    assert (await near_door.client(one.token).post("/v1/keys", json=body)).status_code == 422


async def test_a_revoked_key_opens_nothing_from_the_very_next_request_on(door: Door) -> None:
    company = await door.company()
    mine = door.client(company.token)
    made = await make_key(mine, scopes=["things:read"])
    holder = door.client(made["secret"])
    assert (await holder.get("/v1/things")).status_code == 200
    revoked = await mine.post(f"/v1/keys/{made['id']}/revoke")
    assert (revoked.status_code, revoked.json()["status"], revoked.headers["etag"]) == (200, "revoked", '"2"')
    assert (await holder.get("/v1/things")).status_code == 401
    again = await mine.post(f"/v1/keys/{made['id']}/revoke")
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "wrong_state", "revoked")
    told = (await door.mitra.outbox("gateway"))[-1]
    assert (told.type, told.sequence, told.data["changed"]) == ("platform.key.revoked.v1", 2, ["status"])


async def test_a_key_revoked_elsewhere_opens_nothing_within_seconds(doors: Doors) -> None:
    async with doors.open(remote=False, own=GatewaySettings(key_seconds=0.3)) as here:
        company = await here.company()
        made = await make_key(here.client(company.token), scopes=["things:read"])
        holder = here.client(made["secret"])
        assert (await holder.get("/v1/things")).status_code == 200
        async with doors.open(remote=False) as elsewhere:
            assert (await elsewhere.client(company.token).post(f"/v1/keys/{made['id']}/revoke")).status_code == 200
        async with asyncio.timeout(5):
            while (await holder.get("/v1/things")).status_code != 401:
                await asyncio.sleep(0.02)


async def test_a_key_expires_by_the_clock(near_door: Door) -> None:
    company = await near_door.company()
    until = near_door.mitra.clock.now + timedelta(hours=1)
    made = await make_key(near_door.client(company.token), scopes=["things:read"], expires_at=until.isoformat())
    holder = near_door.client(made["secret"])
    assert (await holder.get("/v1/things")).status_code == 200
    near_door.mitra.clock.advance(hours=1)
    refused = await holder.get("/v1/things")
    assert (refused.status_code, refused.json()["code"]) == (401, "key_expired")


async def test_a_key_that_is_made_again_under_its_idempotency_key_shows_no_secret_again(near_door: Door, server: Server) -> None:
    mine = near_door.client((await near_door.company()).token)
    body = {"name": "till", "scopes": ["things:read"]}
    answers = [await mine.post("/v1/keys", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    first, again = (answer.json() for answer in answers)
    assert again == {**first, "secret": None}
    secret = first["secret"].removeprefix(f"mk_{first['prefix']}_")
    assert [table for table, text in (await stored(server, "gateway")).items() if secret in text] == []


async def test_keys_of_another_tenant_do_not_exist(near_door: Door) -> None:
    one, other = await near_door.company(), await near_door.company(name="Other")
    mine = near_door.client(one.token)
    assert (await mine.get(f"/v1/keys/{other.key_id}")).status_code == 404
    assert (await mine.post(f"/v1/keys/{other.key_id}/revoke")).status_code == 404
    assert {item["id"] for item in (await mine.get("/v1/keys")).json()["items"]} == {str(one.key_id)}
    assert (await near_door.client(other.token).get("/v1/things")).status_code == 200


class Queries:
    """How many statements a ring sends to the database."""

    def __init__(self, door: Door) -> None:
        self.count = 0
        event.listen(door.mitra.databases["gateway"].engine.sync_engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.count += 1


async def test_a_known_key_asks_the_database_nothing_and_many_at_once_ask_once(near_door: Door) -> None:
    company = await near_door.company()
    queries = Queries(near_door)
    ring = KeyRing(near_door.mitra.databases["gateway"], GatewaySettings(key_seconds=60), clock=near_door.mitra.clock)
    callers = await asyncio.gather(*(ring.caller_of(company.token) for _ in range(50)))
    first = queries.count
    assert ({caller.tenant_id for caller in callers}, 0 < first <= 4) == ({company.tenant_id}, True)
    await asyncio.gather(*(ring.caller_of(company.token) for _ in range(50)))
    assert queries.count == first


async def test_an_unknown_key_is_remembered_briefly_and_within_bounds(near_door: Door) -> None:
    now = 0.0
    queries = Queries(near_door)
    ring = KeyRing(near_door.mitra.databases["gateway"], GatewaySettings(unknown_key_seconds=2), timer=lambda: now)

    async def knock(number: int) -> None:
        with pytest.raises(Unauthenticated):
            await ring.caller_of(f"mk_{number:012x}_{'x' * 43}")

    await knock(1)
    asked = queries.count
    await knock(1)
    assert queries.count == asked
    now = 2.5
    await knock(1)
    assert queries.count > asked
    for number in range(MOST_UNKNOWN + 50):
        ring._remember(f"{number:012x}", None)
    assert len(ring._unknown) == MOST_UNKNOWN
    assert MOST_KNOWN == 10_000


async def test_a_key_that_is_revoked_while_it_is_read_is_not_remembered_as_good(near_door: Door) -> None:
    """The reading may have seen the key before the revocation: what it found answers those who asked, and nobody after them."""
    company = await near_door.company()
    ring = KeyRing(near_door.mitra.databases["gateway"], GatewaySettings(key_seconds=60), clock=near_door.mitra.clock)
    asking = asyncio.create_task(ring.caller_of(company.token))
    while not ring._reading:
        await asyncio.sleep(0)
    prefix = company.token.split("_")[1]
    ring.forget(prefix)
    await asking
    assert prefix not in ring._known
