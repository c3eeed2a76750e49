"""Every test of analytics starts on the same morning, whatever a test before it did to the clock."""

from datetime import UTC, datetime

import pytest

from tests.harness import Mitra


@pytest.fixture(autouse=True)
def morning(request: pytest.FixtureRequest) -> None:
    if "running_mitra" in request.fixturenames:
        running: Mitra = request.getfixturevalue("running_mitra")
        running.clock.now = datetime(2026, 3, 2, 9, tzinfo=UTC)
