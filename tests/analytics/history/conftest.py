"""Every test of the history begins with none, and with a tenant and the orders that it names."""

import shutil
from uuid import UUID

import pytest

from analytics_svc.settings import history_folder
from tests.harness import Mitra


@pytest.fixture(autouse=True)
def no_history(running_mitra: Mitra) -> None:
    shutil.rmtree(history_folder(running_mitra.settings), ignore_errors=True)


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()
