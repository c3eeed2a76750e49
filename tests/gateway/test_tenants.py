"""Tenants: founded by operators only, seen by themselves only, with a time zone and a currency for good."""

import asyncio

import pytest

from gateway.keys.operations import bootstrap
from services.embedded import Server
from services.tenants import Tenant
from services.tokens import Caller
from tests.gateway.conftest import Door
from tests.gateway.contents import stored
from tests.harness import Mitra

FOUNDING = {"name": "Acme", "time_zone": "Asia/Tokyo", "currency": "JPY", "admin": {"email": "Ada@Acme.example", "name": "Ada"}}


async def test_an_operator_founds_a_tenant_with_its_first_user_and_its_first_key(near_door: Door) -> None:
    operator = await near_door.operator()
    answer = await operator.post("/v1/tenants", json=FOUNDING)
    made = answer.json()
    assert (answer.status_code, answer.headers["etag"], answer.headers["mitra-version"]) == (201, '"1"', f"tenant/{made['id']}@1")
    assert (made["name"], made["time_zone"], made["currency"], made["status"]) == ("Acme", "Asia/Tokyo", "JPY", "active")
    assert (made["admin"]["email"], made["admin"]["status"]) == ("ada@acme.example", "active")
    assert (made["key"]["user_id"], made["key"]["scopes"]) == (made["admin"]["id"], ["*"])
    events = [event for event in await near_door.mitra.outbox("gateway") if str(event.tenant_id) == made["id"]]
    assert [event.type for event in events] == ["platform.tenant.created.v1", "platform.user.invited.v1", "platform.key.created.v1"]
    assert [(event.sequence, event.partition_key) for event in events[:1]] == [(1, made["id"])]
    client = near_door.client(made["key"]["secret"])
    assert (await client.get(f"/v1/tenants/{made['id']}")).json()["name"] == "Acme"


async def test_every_service_learns_of_a_new_tenant(near_door: Door) -> None:
    operator = await near_door.operator()
    made = (await operator.post("/v1/tenants", json=FOUNDING)).json()
    await near_door.mitra.drain()
    for manifest in near_door.mitra.manifests:
        if "crm.platform" in manifest.consumes or manifest.name == "gateway":
            async with near_door.mitra.session(manifest.name, None) as session:
                tenant = await session.get(Tenant, made["id"])
                assert tenant is not None, manifest.name
                assert (tenant.time_zone, tenant.currency) == ("Asia/Tokyo", "JPY")


async def test_no_key_of_a_tenant_founds_tenants_however_wide_its_scopes(near_door: Door) -> None:
    company = await near_door.company()
    mine = near_door.client(company.token)
    refused = await mine.post("/v1/tenants", json=FOUNDING)
    assert (refused.status_code, refused.json()["code"], "platform:tenants" in refused.json()["detail"]) == (403, "missing_scope", True)
    for scope in ("platform:tenants", "platform:*"):
        wider = await mine.post("/v1/keys", json={"name": "wider", "scopes": [scope]})
        assert (wider.status_code, wider.json()["code"]) == (403, "scopes_beyond_caller")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("time_zone", "Mars/Olympus", "unknown_time_zone"),
        ("time_zone", "europe/berlin", "unknown_time_zone"),
        ("currency", "EUX", "unknown_currency"),
        ("currency", "eur", "string_pattern_mismatch"),
        ("name", " ", "string_too_short"),
    ],
)
async def test_a_tenant_needs_a_known_time_zone_and_currency(near_door: Door, field: str, value: str, code: str) -> None:
    operator = await near_door.operator()
    before = len(await near_door.mitra.outbox("gateway"))
    refused = await operator.post("/v1/tenants", json={**FOUNDING, field: value})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"], refused.json()["errors"][0]["code"]) == (422, f"/{field}", code)
    assert len(await near_door.mitra.outbox("gateway")) == before


async def test_a_tenant_is_renamed_and_its_zone_and_currency_stay(near_door: Door) -> None:
    company = await near_door.company()
    client = near_door.client(company.token)
    path = f"/v1/tenants/{company.tenant_id}"
    renamed = await client.patch(path, json={"name": "Acme & Co"}, headers={"If-Match": '"1"'})
    assert (renamed.status_code, renamed.json()["name"], renamed.headers["etag"]) == (200, "Acme & Co", '"2"')
    event = (await near_door.mitra.outbox("gateway"))[-1]
    assert (event.type, event.data["changed"], event.data["state"]["name"]) == ("platform.tenant.changed.v1", ["name"], "Acme & Co")
    for field in ("time_zone", "currency"):
        fixed = await client.patch(path, json={field: "UTC"}, headers={"If-Match": '"2"'})
        assert (fixed.status_code, fixed.json()["errors"][0]["code"]) == (422, "extra_forbidden")
    assert (await client.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'})).status_code == 412


async def test_a_tenant_sees_itself_and_nobody_else(near_door: Door) -> None:
    one, other = await near_door.company(), await near_door.company(name="Other")
    client = near_door.client(one.token)
    listed = (await client.get("/v1/tenants")).json()["items"]
    assert [item["id"] for item in listed] == [str(one.tenant_id)]
    assert (await client.get(f"/v1/tenants/{other.tenant_id}")).status_code == 404
    refused = await client.patch(f"/v1/tenants/{other.tenant_id}", json={"name": "mine"}, headers={"If-Match": "1"})
    assert refused.status_code == 404
    operator = await near_door.operator()
    assert (await operator.get(f"/v1/tenants/{other.tenant_id}")).status_code == 404


async def test_a_founding_that_is_sent_again_shows_no_secret_again_and_none_is_stored(near_door: Door, server: Server) -> None:
    operator = await near_door.operator()
    answers = [await operator.post("/v1/tenants", json=FOUNDING, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    first, again = (answer.json() for answer in answers)
    assert (first["id"], first["key"]["id"]) == (again["id"], again["key"]["id"])
    secret = first["key"]["secret"]
    assert again["key"]["secret"] is None
    assert (await near_door.client(secret).get("/v1/tenants")).status_code == 200
    await near_door.mitra.drain(jobs=False)
    contents = await stored(server, "gateway", "bus")
    assert first["key"]["id"] in contents["gateway.idempotency_answer"]
    assert [table for table, text in contents.items() if secret.removeprefix(f"mk_{first['key']['prefix']}_") in text] == []


async def test_bootstrap_makes_one_operator_however_often_it_runs(mitra: Mitra) -> None:
    tokens = await asyncio.gather(*(bootstrap(mitra.databases["gateway"]) for _ in range(5)))
    assert len(set(tokens)) == 5
    founded = [event for event in await mitra.outbox("gateway") if event.type == "platform.tenant.created.v1"]
    assert len(founded) == 1


async def test_the_scope_of_an_operator_is_needed_without_the_front_too(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    for scopes, status in ((["*"], 403), (["tenants:write"], 403), (["platform:tenants"], 201), (["platform:*"], 201)):
        caller: Caller = mitra.caller(tenant_id, scopes=scopes)
        assert (await mitra.client("gateway", caller).post("/v1/tenants", json=FOUNDING)).status_code == status, scopes


async def test_a_tenant_says_for_how_long_its_customers_count_as_active(near_door: Door) -> None:
    company = await near_door.company()
    mine, path = near_door.client(company.token), f"/v1/tenants/{company.tenant_id}"
    present = (await mine.get(path)).json()
    assert present["activity_window_days"] == 365
    changed = await mine.patch(path, json={"activity_window_days": 90}, headers={"If-Match": str(present["version"])})
    assert (changed.status_code, changed.json()["activity_window_days"], changed.json()["name"]) == (200, 90, present["name"])
    for wrong in (0, None, 36_501):
        assert (await mine.patch(path, json={"activity_window_days": wrong}, headers={"If-Match": "*"})).status_code == 422
    (event,) = await near_door.mitra.outbox("gateway")
    assert (event.type, event.data["changed"]) == ("platform.tenant.changed.v1", ["activity_window_days"])
    await near_door.mitra.drain()
    async with near_door.mitra.session("contacts", None) as session:
        tenant = await session.get(Tenant, company.tenant_id)
        assert tenant is not None
        assert (tenant.activity_window_days, tenant.currency) == (90, present["currency"])
