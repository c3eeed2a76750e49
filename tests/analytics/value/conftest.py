"""The CDNOW logs as fixtures: skipped, and said so, where the folder of shared data is missing; a failure in CI."""

import os

import pytest

from tests.analytics.value import cdnow_log


def _calibration(name: str) -> cdnow_log.Calibration:
    if not (cdnow_log.FOLDER / name).exists():
        missing = f"the data set {name} is missing: expected in ../shared/data/cdnow beside the repository"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return cdnow_log.calibrate(cdnow_log.read(name))


@pytest.fixture(scope="session")
def cdnow_sample() -> cdnow_log.Calibration:
    """The sample of 2,357 customers at the end of calibration."""
    return _calibration("CDNOW_sample.txt")


@pytest.fixture(scope="session")
def cdnow_full() -> cdnow_log.Calibration:
    """The 23,570 customers of the full log at the end of calibration."""
    return _calibration("CDNOW_master.txt")
