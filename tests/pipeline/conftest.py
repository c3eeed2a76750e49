"""A tenant and clients of its pipeline, each named after what it is used for."""

from uuid import UUID

import httpx
import pytest

from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def orders(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("pipeline", mitra.caller(tenant_id))


@pytest.fixture
def leads(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("pipeline", mitra.caller(tenant_id))


@pytest.fixture
def activities(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    """A client whose token is made anew for each request, so that a test may let days pass."""
    caller = mitra.caller(tenant_id)

    async def stamp(request: httpx.Request) -> None:
        request.headers["Authorization"] = mitra.client("pipeline", caller).headers["Authorization"]

    client = mitra.client("pipeline", caller)
    client.event_hooks["request"] = [stamp]
    return client
