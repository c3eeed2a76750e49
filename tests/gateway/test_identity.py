"""Users and teams: who works here, with nothing personal in the events."""

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.rules import TeamAboveItself, check_no_cycle
from services.embedded import Server
from services.envelope import Envelope
from tests.gateway.conftest import Door
from tests.gateway.contents import stored
from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def client(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("gateway", mitra.caller(tenant_id))


async def invite(client: httpx.AsyncClient, email: str = "grace@acme.example", **fields: object) -> dict[str, object]:
    answer = await client.post("/v1/users", json={"email": email, "name": "Grace", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def form_team(client: httpx.AsyncClient, name: str = "North", **fields: object) -> dict[str, object]:
    answer = await client.post("/v1/teams", json={"name": name, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_an_invited_user_is_read_with_name_and_address_and_told_of_without(mitra: Mitra, client: httpx.AsyncClient) -> None:
    team = await form_team(client)
    user = await invite(client, "Grace@ACME.example", locale="en-GB", time_zone="Europe/London", roles=["agent"], team_ids=[team["id"]])
    assert (user["email"], user["name"], user["status"], user["roles"]) == ("grace@acme.example", "Grace", "invited", ["agent"])
    event = (await mitra.outbox("gateway"))[-1]
    assert (event.type, event.subject, event.sequence) == ("platform.user.invited.v1", f"user/{user['id']}", 1)
    assert event.data["state"]["team_ids"] == [team["id"]]
    assert "race" not in event.to_json().decode()


async def test_an_address_is_taken_once_in_a_tenant_whatever_its_case(mitra: Mitra, client: httpx.AsyncClient) -> None:
    await invite(client)
    again = await client.post("/v1/users", json={"email": "GRACE@acme.example", "name": "Another"})
    assert (again.status_code, again.json()["code"]) == (409, "email_taken")
    other = await invite(client, "linus@acme.example")
    moved = await client.patch(f"/v1/users/{other['id']}", json={"email": "grace@acme.example"}, headers={"If-Match": "1"})
    assert (moved.status_code, moved.json()["code"]) == (409, "email_taken")
    stranger = mitra.client("gateway", mitra.caller(await mitra.new_tenant()))
    assert (await invite(stranger))["email"] == "grace@acme.example"
    assert len(await mitra.outbox("gateway")) == 3


async def test_of_many_invitations_of_one_address_one_is_written(mitra: Mitra, client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/v1/users", json={"email": "a@b.example", "name": "A"}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert len(await mitra.outbox("gateway")) == 1


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"email": "a@b"}, "/email"),
        ({"email": "a b@c.example"}, "/email"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"team_ids": [str(uuid4())]}, "/team_ids"),
        ({"manager_id": str(uuid4())}, "/manager_id"),
        ({"status": "active"}, "/status"),
        ({"name": "\x00"}, "/name"),
    ],
)
async def test_an_invitation_that_makes_no_sense_is_refused(mitra: Mitra, client: httpx.AsyncClient, fields: object, pointer: str) -> None:
    refused = await client.post("/v1/users", json={"email": "a@b.example", "name": "A", **fields})  # type: ignore[dict-item]
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await mitra.outbox("gateway") == []


async def test_a_changed_user_is_told_of_by_the_names_of_the_fields(mitra: Mitra, client: httpx.AsyncClient) -> None:
    user = await invite(client)
    path = f"/v1/users/{user['id']}"
    patch = {"name": "Grace Hopper", "roles": ["lead"], "locale": "en"}
    changed = await client.patch(path, json=patch, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["name"], changed.headers["etag"]) == (200, "Grace Hopper", '"2"')
    event = (await mitra.outbox("gateway"))[-1]
    assert (event.type, event.data["changed"]) == ("platform.user.changed.v1", ["locale", "name", "roles"])
    assert "Hopper" not in event.to_json().decode()
    assert (await client.patch(path, json=patch, headers={"If-Match": '"2"'})).headers["etag"] == '"2"'
    assert (await client.patch(path, json={"locale": None}, headers={"If-Match": '"2"'})).json()["locale"] is None
    own = await client.patch(path, json={"manager_id": user["id"]}, headers={"If-Match": '"3"'})
    assert (own.status_code, own.json()["errors"][0]["code"]) == (422, "own_manager")


async def test_folding_the_events_of_a_user_gives_what_is_read(mitra: Mitra, client: httpx.AsyncClient) -> None:
    team = await form_team(client)
    user = await invite(client)
    for version, patch in enumerate([{"roles": ["lead"]}, {"team_ids": [team["id"]]}, {"name": "G"}, {"time_zone": "UTC"}], start=1):
        await client.patch(f"/v1/users/{user['id']}", json=patch, headers={"If-Match": f'"{version}"'})
    events = [event for event in await mitra.outbox("gateway") if event.subject == f"user/{user['id']}"]
    read = (await client.get(f"/v1/users/{user['id']}")).json()
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert read == plain(events[-1]) | {"version": 5, "updated_at": read["updated_at"], "email": user["email"], "name": "G"}


def plain(event: Envelope) -> dict[str, object]:
    """The state that an event carries, as a read writes it."""
    return dict(event.data["state"])


async def test_a_team_never_stands_above_itself(mitra: Mitra, client: httpx.AsyncClient) -> None:
    north = await form_team(client, "North")
    oslo = await form_team(client, "Oslo", parent_id=north["id"])
    harbour = await form_team(client, "Harbour", parent_id=oslo["id"])
    for parent in (north, oslo, harbour):
        refused = await client.patch(f"/v1/teams/{north['id']}", json={"parent_id": parent["id"]}, headers={"If-Match": "1"})
        assert (refused.status_code, refused.json()["code"]) == (409, "team_cycle")
    moved = await client.patch(f"/v1/teams/{harbour['id']}", json={"parent_id": north["id"]}, headers={"If-Match": "1"})
    assert (moved.status_code, moved.json()["parent_id"]) == (200, north["id"])
    event = (await mitra.outbox("gateway"))[-1]
    assert (event.type, event.data["changed"]) == ("platform.team.changed.v1", ["parent_id"])
    unknown = await client.post("/v1/teams", json={"name": "West", "parent_id": str(uuid4())})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/parent_id")


async def test_two_moves_at_once_cannot_make_a_cycle_together(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        one, other = await form_team(client, "One"), await form_team(client, "Other")
        answers = await asyncio.gather(
            client.patch(f"/v1/teams/{one['id']}", json={"parent_id": other["id"]}, headers={"If-Match": "1"}),
            client.patch(f"/v1/teams/{other['id']}", json={"parent_id": one["id"]}, headers={"If-Match": "1"}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=60))
def test_moves_that_pass_the_rule_keep_the_tree_a_tree(moves: list[tuple[int, int]]) -> None:
    """For any moves: when those that the rule refuses are left out, from every team the way up ends."""
    teams = [UUID(int=number) for number in range(10)]
    parents: dict[UUID, UUID | None] = dict.fromkeys(teams)
    for team, parent in moves:
        try:
            check_no_cycle(teams[team], teams[parent], parents)
        except TeamAboveItself:
            continue
        parents[teams[team]] = teams[parent]
    for team_id in teams:
        above, steps = parents[team_id], 0
        while above is not None:
            above, steps = parents[above], steps + 1
            assert steps <= len(teams)


async def test_lists_are_narrowed_and_ordered_and_end_at_the_tenant(mitra: Mitra, client: httpx.AsyncClient) -> None:
    for email in ("c@x.example", "a@x.example", "b@x.example"):
        await invite(client, email, roles=["lead"] if email[0] == "b" else [])
    for name in ("South", "North"):
        await form_team(client, name)
    leads = (await client.get("/v1/users", params={"filter": 'roles : "lead"'})).json()["items"]
    ordered = (await client.get("/v1/users", params={"order_by": "email", "page_size": 2})).json()
    assert [user["email"] for user in leads] == ["b@x.example"]
    assert [user["email"] for user in ordered["items"]] == ["a@x.example", "b@x.example"]
    rest = (await client.get("/v1/users", params={"order_by": "email", "page_size": 2, "cursor": ordered["next_cursor"]})).json()
    assert ([user["email"] for user in rest["items"]], rest["next_cursor"]) == (["c@x.example"], None)
    assert [team["name"] for team in (await client.get("/v1/teams")).json()["items"]] == ["North", "South"]
    stranger = mitra.client("gateway", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get("/v1/users")).json()["items"] == (await stranger.get("/v1/teams")).json()["items"] == []
    assert (await stranger.get(f"/v1/users/{ordered['items'][0]['id']}")).status_code == 404
    refused = await stranger.patch(f"/v1/users/{ordered['items'][0]['id']}", json={"name": "x"}, headers={"If-Match": "1"})
    assert refused.status_code == 404


async def test_names_and_addresses_stand_in_the_table_of_users_and_nowhere_else(near_door: Door, server: Server) -> None:
    company = await near_door.company(email="canary-one@acme.example", admin_name="Canary Two")
    client = near_door.client(company.token)
    user = await invite(client, "canary-three@acme.example", name="Canary Four")
    patch = {"name": "Canary Five", "email": "canary-six@acme.example"}
    assert (await client.patch(f"/v1/users/{user['id']}", json=patch, headers={"If-Match": "1"})).status_code == 200
    await near_door.mitra.drain()
    contents = await stored(server, "bus", *(manifest.name for manifest in near_door.mitra.manifests))
    assert "canary" in contents["gateway.tenant_user"]
    assert str(user["id"]) in contents["gateway.journal_entry"]
    assert [table for table, text in contents.items() if "canary" in text.lower()] == ["gateway.tenant_user"]
