"""A tenant and a client of its orders."""

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
