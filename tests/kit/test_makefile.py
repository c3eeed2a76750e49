"""The Makefile says what it can do, and in one line what the machine lacks."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ["help", "run", "test", "check", "bench", "chaos", "lock", "revision", "migrate"]


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A checkout on a machine that has make and a shell but no Python; its programs are in `bin`."""
    (tmp_path / "bin").mkdir()
    for program in ("make", "sh", "awk"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / "bin" / program).symlink_to(found)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def installed(bare_machine: Path) -> Path:
    """The same with an environment whose Python notes with what it is run, and ends as the file beside it says."""
    (bare_machine / ".venv" / "bin").mkdir(parents=True)
    (bare_machine / ".venv" / "requirements.lock").touch()
    python = bare_machine / ".venv" / "bin" / "python"
    ends = 'read shared alone < ends; case "$*" in *"not alone"*) exit $shared;; esac; exit $alone'
    python.write_text(f'#!/bin/sh\necho "$@" >> ran; {ends}\n')
    python.chmod(0o755)
    return bare_machine


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "PYTHON"}
    environment["PATH"] = str(folder / "bin")
    return subprocess.run(["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_make_alone_lists_every_target(bare_machine: Path) -> None:
    assert [line.split()[1] for line in make(bare_machine).stdout.splitlines()] == TARGETS


def test_a_machine_without_python_is_told_so_in_one_line(bare_machine: Path) -> None:
    for target in ("run", "test"):
        done = make(bare_machine, target)
        assert done.returncode == 2
        assert len((done.stdout + done.stderr).splitlines()) == 1
        assert "no Python from 3.11 to 3.14 found: install one" in done.stderr


def test_a_python_without_venv_is_named_with_the_package_to_install(bare_machine: Path) -> None:
    python = bare_machine / "bin" / "python3.12"
    python.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n')
    python.chmod(0o755)
    done = make(bare_machine, "run")
    assert (done.stdout + done.stderr).count("\n") == 1
    assert "python3.12 lacks venv: install it (Debian, Ubuntu: apt-get install python3.12-venv)" in done.stderr


def test_a_revision_without_its_reason_is_refused(installed: Path) -> None:
    assert "Say which and why" in make(installed, "revision", "SERVICE=pipeline_svc").stderr


@pytest.mark.parametrize(
    ("shared", "alone", "holds"),
    [(0, 0, True), (1, 0, False), (0, 1, False), (1, 1, False), (0, 5, True), (5, 0, True), (5, 5, False), (4, 0, False), (0, 3, False)],
)
def test_the_tests_hold_if_both_their_parts_do_or_one_has_none_of_those_asked_for(
    installed: Path, shared: int, alone: int, *, holds: bool
) -> None:
    (installed / "ends").write_text(f"{shared} {alone}\n")
    assert (make(installed, "test").returncode == 0) is holds
    assert len((installed / "ran").read_text().splitlines()) == 2


def test_what_measures_time_runs_after_the_others_and_in_one_process(installed: Path) -> None:
    (installed / "ends").write_text("0 0\n")
    make(installed, "test")
    first, second = (installed / "ran").read_text().splitlines()
    assert "-m not alone -n 2 " in first
    assert second.endswith("-m alone tests/chaos -n 0")


def test_both_parts_are_given_the_arguments(installed: Path) -> None:
    (installed / "ends").write_text("0 5\n")
    assert make(installed, "test", "ARGS=-q tests/kit").returncode == 0
    first, second = (installed / "ran").read_text().splitlines()
    assert first.endswith("-m not alone -n 2 --dist loadfile --no-loadscope-reorder -q tests/kit")
    assert second.endswith("-m alone -q tests/kit -n 0")


def test_who_interrupts_the_first_part_is_spared_the_second(installed: Path) -> None:
    (installed / "ends").write_text("2 0\n")
    assert make(installed, "test").returncode != 0
    assert len((installed / "ran").read_text().splitlines()) == 1
