"""A tenant and a client of its campaigns."""

from uuid import UUID

import httpx
import pytest

from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def campaigns(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("campaigns", mitra.caller(tenant_id))
