"""Every test of the history begins with none, leaves none behind, and has a tenant and the orders that it names."""

import shutil
from collections.abc import Iterator
from uuid import UUID

import pytest

from analytics_svc.settings import history_folder
from tests.harness import Mitra


@pytest.fixture(autouse=True)
def no_history(running_mitra: Mitra) -> Iterator[None]:
    folder = history_folder(running_mitra.settings)
    shutil.rmtree(folder, ignore_errors=True)
    yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()
