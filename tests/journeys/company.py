"""A whole Mitra as its users start it: `mitra up` in a folder of its own, on a port of its own, ended by SIGTERM."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent.parent
READY_SECONDS = 120.0
END_SECONDS = 60.0
LOG = "up.log"


class NotReady(AssertionError):
    """`mitra up` ended, or did not answer in time; says what it printed."""


@dataclass(frozen=True)
class Company:
    """A running Mitra. `key` opens a tenant in New York that reckons in USD; `operator_key` founds more of them."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    operator_key: str = ""
    key: str = ""

    def found_tenant(self, *, name: str = "A company", time_zone: str = "America/New_York", currency: str = "USD") -> str:
        """The key of a new tenant that every service knows."""
        body = {"name": name, "time_zone": time_zone, "currency": currency, "admin": {"email": "admin@example.com", "name": "Admin"}}
        with self.client(self.operator_key) as client:
            key: str = client.post("/v1/tenants", json=body).raise_for_status().json()["key"]["secret"]
        with self.client(key) as client:
            wait_until(lambda: client.post("/v1/orders/batch", json=_TRIAL).status_code != 503, seconds=READY_SECONDS)
        return key

    def client(self, key: str = "") -> httpx.Client:
        """A client of the front, as the bearer of `key` (default: the tenant's)."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key or self.key}"}, timeout=60.0)

    def command(self, *arguments: str) -> list[str]:
        """The `mitra` command with these arguments."""
        return [sys.executable, "-m", "services.command", *arguments]

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """What the `mitra` command says, in the folder of this company."""
        command = self.command(*arguments)
        settings = {"cwd": self.folder, "env": environment(self.folder), "text": True, "capture_output": True, "timeout": 280}
        return subprocess.run(command, check=False, **(settings | options))

    def printed(self) -> str:
        """What `mitra up` has printed."""
        return (self.folder / LOG).read_text()

    def end(self) -> int:
        """End it in the ordinary way; answers its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_SECONDS)


_CROOKED = {"quantity": 1, "unit_price_minor": 1, "amount_minor": 5}
_ORDER = {"contact_id": "01900000-0000-7000-8000-000000000000", "currency": "USD", "lines": [_CROOKED]}
_TRIAL = {"operations": [{"op": "create", "data": _ORDER}]}
"""An order that is refused, but only by a service that knows the tenant."""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a Mitra in `folder`, without any setting of the caller's."""
    foreign = ("MITRA_", "PYTHONDONTWRITEBYTECODE")  # without the last, processes start as quickly as those of users
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"MITRA_FOLDER": str(folder / ".mitra"), "PYTHONPATH": str(ROOT), "COLUMNS": "200"} | more


@contextlib.contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder that goes at the end. (Not pytest's own: the database server of root must be able to enter it.)"""
    folder = Path(tempfile.mkdtemp(prefix="mitra-company-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def launch(folder: Path, *, demo: bool = False, **settings: str) -> Company:
    """`mitra up` in `folder` with further settings (`MITRA_…`), not yet ready; who launches it ends it."""
    with socket.socket() as probe:  # any port that is free: another run may look for one at the same moment
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.command", "up", *([] if demo else ["--no-demo"])],
            cwd=folder,
            env=environment(folder, MITRA_PORT=str(port), **settings),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Company(f"http://127.0.0.1:{port}", folder, process)


@contextlib.contextmanager
def started(folder: Path, *, demo: bool = False, **settings: str) -> Iterator[Company]:
    """`mitra up` in `folder`, once its first start is over; it ends with the context. Raises NotReady."""
    company = launch(folder, demo=demo, **settings)
    try:
        wait_until(lambda: _is_up(company), seconds=READY_SECONDS, otherwise=company.printed)
        yield replace(company, operator_key=(folder / ".mitra" / "operator.key").read_text().strip())
    finally:
        _end_surely(company)


def wait_until(condition: Any, *, seconds: float = 30.0, otherwise: Any = lambda: "") -> None:
    """Return when `condition()` holds. Raises NotReady with what `otherwise()` says."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise NotReady(f"not within {seconds:.0f} s: {otherwise()[-4000:]}")
        time.sleep(0.05)


def _is_up(company: Company) -> bool:
    if company.process.poll() is not None:
        raise NotReady(f"mitra up ended with {company.process.returncode}: {company.printed()[-4000:]}")
    return "Mitra answers at" in company.printed()


def _end_surely(company: Company) -> None:
    if company.process.poll() is None:
        try:
            company.end()
        except subprocess.TimeoutExpired:
            company.process.kill()
            company.process.wait()
            raise
