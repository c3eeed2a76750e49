"""One running Mitra for all journeys; each founds the tenants that it needs."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from gateway.routing.front import Front
from gateway.settings import GatewaySettings
from tests.gateway.conftest import Door
from tests.harness import Mitra
from tests.journeys.company import Company, fresh_folder, started

__all__ = ["Company"]


@pytest.fixture(scope="session")
def company() -> Iterator[Company]:
    """`mitra up --no-demo`, ready, with the key of a fresh tenant."""
    with fresh_folder() as folder, started(folder) as running:
        yield replace(running, key=running.found_tenant())


@pytest.fixture
async def door(mitra: Mitra) -> AsyncIterator[Door]:
    """The front over every service in this process, moved by hand."""
    front = Front(dict(mitra.apps), mitra.settings, GatewaySettings())
    async with front.open():
        yield Door(mitra, front)
