"""The command, before it does anything."""

import os
import subprocess
import sys

import pytest

from tests.journeys.company import ROOT


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MITRA_PORT", "eight thousand", "MITRA_PORT: Input should be a valid integer, unable to parse string as an integer\n"),
        ("MITRA_ANSWER_SECONDS", "0", "MITRA_ANSWER_SECONDS: Input should be greater than 0\n"),
        ("MITRA_SERVICE_URLS", "http://secret:word@one", 'error parsing value for field "service_urls" from source "EnvSettingsSource"\n'),
    ],
    ids=["no number", "out of range", "no JSON"],
)
def test_a_setting_that_cannot_be_read_is_named_and_not_shown(name: str, value: str, said: str) -> None:
    command = [sys.executable, "-m", "services.command", "work", "contacts"]
    done = subprocess.run(command, env=os.environ | {name: value}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, said)
