"""A tenant, and a client of the contacts service that may do everything in it."""

from uuid import UUID

import httpx
import pytest

from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def contacts(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("contacts", mitra.caller(tenant_id))
