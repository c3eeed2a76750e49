"""Fail points: a process dies where it is told to, and nowhere else."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services import failpoints
from services.manifests import discover

ROOT = Path(__file__).resolve().parents[2]


def run(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def test_an_armed_point_kills_the_process_at_once_and_says_where() -> None:
    done = run(
        "from services import failpoints\n"
        "failpoints.arm({'commit.before': 1.0})\n"
        "try:\n    failpoints.reach('commit.after'); print('passed', flush=True)\n"
        "    failpoints.reach('commit.before')\n"
        "finally:\n    print('never seen')"
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "passed\n")
    assert json.loads(done.stderr) == {"event": "fail_point", "point": "commit.before"}


def test_a_seed_decides_at_which_visit_a_process_dies() -> None:
    program = (
        "from services import failpoints\n"
        "failpoints.arm({{'commit.before': 0.02}}, seed={seed})\n"
        "for n in range(10_000):\n    print(n, flush=True); failpoints.reach('commit.before')"
    )
    visits = [run(program.format(seed=seed)).stdout.count("\n") for seed in (1, 1, 2)]
    assert visits[0] == visits[1]
    assert 0 < visits[0] < 10_000
    assert visits[2] != visits[0]


def test_a_name_that_nobody_reaches_is_refused_and_the_names_are_told() -> None:
    with pytest.raises(KeyError, match=r"no fail point is called write\.somewhere; there are write\.before_event"):
        failpoints.arm({"write.before_event": 0.0, "write.somewhere": 1.0})
    assert failpoints._armed == {}


def test_a_point_that_is_not_armed_does_nothing() -> None:
    for name in failpoints.POINTS:
        failpoints.reach(name)


def test_every_point_is_reached_somewhere_and_none_that_is_not_listed() -> None:
    for folder, listed in [("services", failpoints.POINTS), *((manifest.package, manifest.fail_points) for manifest in discover())]:
        sources = "\n".join(path.read_text() for path in (ROOT / folder).rglob("*.py"))
        assert set(re.findall(r'\breach\("([a-z_.]+)"\)', sources)) == set(listed), folder
