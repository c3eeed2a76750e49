"""A tenant, an agent's user id, and a client of the tickets service."""

from collections.abc import Generator
from uuid import UUID

import httpx
import pytest

from services.identifiers import new_id
from services.tokens import Caller, KeyPairs, Minter
from tests.harness import Mitra


class FreshToken(httpx.Auth):
    """A token made for each request, since tests move the clock by weeks."""

    def __init__(self, mitra: Mitra, caller: Caller) -> None:
        self.minter = Minter(KeyPairs.load(mitra.settings.keys_folder, "gateway"), clock=mitra.clock)
        self.caller = caller

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self.minter.mint(self.caller, 'tickets_svc')}"
        yield request


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def me() -> UUID:
    return new_id()


@pytest.fixture
def desk(mitra: Mitra, tenant_id: UUID, me: UUID) -> httpx.AsyncClient:
    caller = mitra.caller(tenant_id, user_id=me)
    client = mitra.client("tickets", caller)
    client.auth = FreshToken(mitra, caller)
    return client
