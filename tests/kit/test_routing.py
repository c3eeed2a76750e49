"""Scopes: what each covers, and who may call what."""

from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest
from demo_svc.manifest import manifest as demo
from fastapi import Request
from fastapi.routing import APIRoute

from gateway.routing.table import Table
from services.application import create_app
from services.database import context_of
from services.errors import Forbidden
from services.links import SignedLinks
from services.manifests import discover
from services.routing import PUBLIC, Router, allows, check_scope, links_of, open_session
from services.tokens import Caller, KeyPairs
from tests.harness import Mitra

PERSON = Caller(uuid4(), "user:1", None, frozenset({"things:write"}))
SERVICE = Caller(uuid4(), "system:demo_svc", None, frozenset({"*"}), issuer="demo_svc")


@pytest.mark.parametrize("granted", ["orders:read", "orders:write", "orders:*", "*"])
def test_reading_is_covered_by_reading_writing_and_everything(granted: str) -> None:
    assert allows(frozenset({granted}), "orders:read")


@pytest.mark.parametrize(
    ("granted", "needed"),
    [
        ("orders:read", "orders:write"),
        ("orders", "orders:read"),
        ("order:*", "orders:read"),
        ("orders:*", "orders-archive:read"),
        ("*:read", "orders:read"),
        ("", "orders:read"),
        ("orders:write", "orders:refund"),
    ],
)
def test_nothing_else_covers_it(granted: str, needed: str) -> None:
    assert not allows(frozenset({granted}), needed)


def test_an_internal_operation_is_for_services_and_every_other_for_callers_of_the_gateway() -> None:
    check_scope(SERVICE, "internal")
    check_scope(PERSON, "things:read")
    with pytest.raises(Forbidden) as refused:
        check_scope(replace(PERSON, scopes=frozenset({"*", "internal"})), "internal")
    assert refused.value.code == "internal_only"
    with pytest.raises(Forbidden) as refused:
        check_scope(SERVICE, "things:read")
    assert refused.value.code == "missing_scope"


async def test_the_scope_is_checked_before_the_body_is_looked_at(mitra: Mitra) -> None:
    reader = mitra.client("demo", mitra.caller(await mitra.new_tenant(), scopes=["things:read"]))
    answer = await reader.post("/v1/things", json={"wrong": 1})
    assert answer.status_code == 403


def test_an_operation_has_a_name_and_a_scope_in_the_document(mitra: Mitra) -> None:
    router = Router("parts", prefix="/v1/parts")

    @router.operation("POST", "", name="create", scope="parts:write")
    async def create() -> None:
        """Create a part. Errors: none."""

    document = create_app(replace(demo, routers=lambda: [router]), mitra.settings).openapi()
    operation = document["paths"]["/v1/parts"]["post"]
    assert (operation["operationId"], operation["x-scope"], operation["tags"]) == ("parts.create", "parts:write", ["parts"])
    assert operation["responses"]["403"]["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def visited() -> Router:
    """A page that whoever has our link may see."""
    router = Router("visits", prefix="/v1/visits")

    @router.operation("POST", "/{token}", name="follow", scope="public")
    async def follow(request: Request, token: str) -> dict[str, str]:
        link = links_of(request, "visit").read(token)
        context = context_of(open_session(request, UUID(link["tenant_id"]), link["actor"]))
        return {"tenant_id": str(context.tenant_id), "actor": context.actor}

    return router


async def test_whoever_has_a_link_of_ours_needs_no_token_and_acts_as_the_link_says(mitra: Mitra) -> None:
    app = create_app(replace(demo, routers=lambda: [visited()]), mitra.settings)
    links = SignedLinks(KeyPairs.load(mitra.settings.keys_folder, "demo_svc").link_secret(), "visit")
    forged = SignedLinks(KeyPairs.load(mitra.settings.keys_folder, "contacts_svc").link_secret(), "visit")
    wanted = {"tenant_id": str(uuid4()), "actor": "contact:7"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://mitra") as stranger:
        for headers in ({}, {"Idempotency-Key": "k"}, {"Authorization": "Bearer rubbish"}):
            answer = await stranger.post(f"/v1/visits/{links.sign(wanted)}", headers=headers)
            assert (answer.status_code, answer.json()) == (200, wanted)
        assert (await stranger.post(f"/v1/visits/{forged.sign(wanted)}")).status_code == 404
    assert app.openapi()["paths"].keys().isdisjoint({"/v1/visits/{token}"})
    await app.state.database.close()


def test_the_door_knows_which_paths_are_links() -> None:
    table = Table([replace(demo, public=["/v1/visits/"])])
    assert table.is_public("/v1/visits/abc")
    assert not table.is_public("/v1/visits")
    assert not table.is_public("/v1/things")
    assert not Table([demo]).is_public("/v1/visits/abc")


def test_the_public_paths_of_a_manifest_are_those_of_its_public_operations() -> None:
    for manifest in discover():
        routes = [route for router in manifest.routers() for route in router.routes if isinstance(route, APIRoute)]
        opened = {route.path for route in routes if (route.openapi_extra or {}).get("x-scope") == PUBLIC}
        named = {route.path for route in routes if route.path.startswith(tuple(manifest.public))}
        assert opened == named, manifest.name
        assert all(any(path.startswith(prefix) for path in opened) for prefix in manifest.public), manifest.name
