"""Scopes: what each covers, and who may call what."""

from dataclasses import replace
from uuid import uuid4

import pytest
from demo_svc.manifest import manifest as demo

from services.application import create_app
from services.errors import Forbidden
from services.routing import Router, allows, check_scope
from services.tokens import Caller
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

    document = create_app(replace(demo, routers=[router]), mitra.settings).openapi()
    operation = document["paths"]["/v1/parts"]["post"]
    assert (operation["operationId"], operation["x-scope"], operation["tags"]) == ("parts.create", "parts:write", ["parts"])
    assert operation["responses"]["403"]["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
