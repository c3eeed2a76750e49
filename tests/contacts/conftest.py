"""A tenant, and a client of the contacts service that may do everything in it, however the clock is moved."""

from uuid import UUID

import httpx
import pytest

from tests.contacts.make import lasting_client
from tests.harness import Mitra


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def contacts(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return lasting_client(mitra, tenant_id)
