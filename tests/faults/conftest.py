"""The demo service may be imported at the top, and a database that a test may slow down, silence or cut off."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.settings import Settings
from tests.faults.proxy import Proxy, before
from tests.harness import Mitra

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))


@pytest.fixture
async def line(mitra: Mitra) -> AsyncIterator[tuple[Proxy, Settings]]:
    """A proxy before the database, and the settings that lead through it; a request is given half a second."""
    async with before(mitra.settings.model_copy(update={"answer_seconds": 0.5})) as found:
        yield found
