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


def test_a_revision_without_its_reason_is_refused(bare_machine: Path) -> None:
    installed = bare_machine / ".venv" / "requirements.lock"
    installed.parent.mkdir()
    installed.touch()
    assert "Say which and why" in make(bare_machine, "revision", "SERVICE=pipeline_svc").stderr
