"""A Mitra in which every service runs alone, as in production: two processes each, found by their manifests, on Kafka and PostgreSQL."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from services import embedded, provisioning
from services.manifests import discover
from services.tokens import GATEWAY
from tests.journeys.company import Company, environment, wait_until

READY_SECONDS = 180.0
END_SECONDS = 40


@dataclass
class Fleet:
    """The processes by name (`serve contacts`, `work contacts`, …), where each says whether it is ready, and the company that they are."""

    company: Company
    processes: Mapping[str, "subprocess.Popen[bytes]"]
    doors: Mapping[str, str]
    ends: dict[str, int] = field(default_factory=dict)

    def stop(self) -> dict[str, int]:
        """End all processes in the ordinary way; answers the exit code of each."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(END_SECONDS) for name, process in self.processes.items()}


@contextlib.contextmanager
def started_fleet(folder: Path, bus_url: str, **more: str) -> Iterator[Fleet]:
    """Every service in processes of its own on an empty database server, with `more` settings, ready; they end with the context."""
    names = [manifest.name for manifest in discover()]
    ports = dict(zip([f"{verb} {name}" for name in names for verb in ("serve", "work")], _free_ports(2 * len(names)), strict=True))
    doors = {process: f"http://127.0.0.1:{port}" for process, port in ports.items()}
    with embedded.start(folder / "server", durable=False) as server, contextlib.ExitStack() as stack:
        settings = environment(
            folder,
            MITRA_DATABASE_URL=server.url(provisioning.APP, "mitra_{service}"),
            MITRA_OWNER_DATABASE_URL=server.url(provisioning.OWNER, "mitra_{service}"),
            MITRA_BUS_URL=bus_url,
            MITRA_SERVICE_URLS=json.dumps({name: doors[f"serve {name}"] for name in names}),
            **more,
        )
        admin = server.dsn(provisioning.SUPERUSER, "postgres")
        _run(["migrate"], folder, settings | {"MITRA_ADMIN_DATABASE_URL": admin})
        processes = {
            name: stack.enter_context(_process([*name.split(), "--port", str(port)], folder, settings)) for name, port in ports.items()
        }
        gateway = f"serve {GATEWAY}"
        fleet = Fleet(Company(doors[gateway], folder, processes[gateway]), processes, doors)
        wait_until(lambda: all(_is_ready(fleet, name) for name in ports), seconds=READY_SECONDS, otherwise=lambda: _said(folder))
        key = _run(["operator", "key"], folder, settings).strip()
        fleet.company = Company(doors[gateway], folder, processes[gateway], operator_key=key)
        yield fleet


@contextlib.contextmanager
def _process(command: Sequence[str], folder: Path, settings: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{command[0]}-{command[1]}.log").open("wb") as log:
        process = subprocess.Popen(_mitra(command), cwd=folder, env=settings, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _run(command: Sequence[str], folder: Path, settings: dict[str, str]) -> str:
    done = subprocess.run(_mitra(command), cwd=folder, env=settings, check=False, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def _mitra(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "services.command", *command]


def _is_ready(fleet: Fleet, name: str) -> bool:
    assert fleet.processes[name].poll() is None, f"{name} ended: {_said(fleet.company.folder)}"
    try:
        return httpx.get(f"{fleet.doors[name]}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _said(folder: Path) -> str:
    """The last that each process has logged."""
    return "\n".join(f"{path.name}: {path.read_text()[-800:]}" for path in sorted(folder.glob("*.log")))


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
