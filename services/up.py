"""`mitra up`: everything on one machine. One web process, one worker process, and an embedded PostgreSQL where none is named."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from services import embedded, provisioning
from services.application import deployable_of
from services.bus.opening import is_kafka
from services.client import note
from services.manifests import Manifest, discover
from services.serving import free_port
from services.settings import Settings
from services.tokens import make_key_pair

ADDRESSES = "databases.json"
READY_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 5.0
STOP_SECONDS = 15.0


class NotRunning(RuntimeError):
    """No database is named, and no `mitra up` runs here."""


def addresses_on(server: embedded.Server) -> dict[str, Any]:
    """The settings that say where everything is when it is all on one embedded server."""
    return {
        "database_url": server.url(provisioning.APP, "mitra_{service}"),
        "owner_database_url": server.url(provisioning.OWNER, "mitra_{service}"),
        "bus_url": server.url(provisioning.APP, "mitra_bus"),
    }


@contextlib.contextmanager
def database_server(settings: Settings) -> Iterator[tuple[Settings, embedded.Server | None]]:
    """`settings` with the addresses of the databases; where none is named, those of an embedded server that runs meanwhile."""
    if settings.database_url:
        yield settings, None
        return
    with embedded.start(settings.folder) as server:
        addresses = addresses_on(server)
        if settings.bus_url:
            addresses["bus_url"] = settings.bus_url
        note(settings.folder / ADDRESSES, json.dumps(addresses))
        try:
            yield settings.model_copy(update=addresses), server
        finally:
            (settings.folder / ADDRESSES).unlink(missing_ok=True)


def running_settings(settings: Settings) -> Settings:
    """`settings` with the addresses of the databases, those of the running `mitra up` where none is named. Raises NotRunning."""
    if settings.database_url:
        return settings
    try:
        return settings.model_copy(update=json.loads((settings.folder / ADDRESSES).read_text()))
    except FileNotFoundError:
        raise NotRunning(f"set MITRA_DATABASE_URL, or run `mitra up` here first ({settings.folder} holds no running server)") from None


async def prepare(settings: Settings, server: embedded.Server | None) -> None:
    """Make key pairs, roles and databases (where a superuser's address is known), tables and topics, where they are missing."""
    from services.migrating import migrate  # Alembic, which the processes that serve and work have no use for

    manifests = discover(settings.services_path)
    for manifest in manifests:
        make_key_pair(settings.keys_folder, deployable_of(manifest))
    admin = settings.admin_database_url if server is None else server.dsn(provisioning.SUPERUSER, "postgres")
    if admin:
        services = [manifest.name for manifest in manifests]
        await provisioning.provision(admin, settings, services if is_kafka(settings.bus_url) else ["bus", *services])
    await migrate(settings, manifests)


class Company:
    """The two processes, started again when one dies, until told to stop."""

    def __init__(self, settings: Settings, port: int) -> None:
        self.url = f"http://{settings.host}:{port}"
        self._settings = settings.model_copy(update={"public_url": settings.public_url or self.url})
        self._port = port
        self._worker_port = port + 1
        self._stopping = asyncio.Event()
        self.processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def worker_url(self) -> str:
        """Where the worker process says how it does."""
        return f"http://{self._settings.host}:{self._worker_port}"

    async def run(self, console: Console) -> None:
        """Keep both processes running; returns when `stop` was called and both have ended."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep("serve", lambda: ["serve", "--all", "--port", str(self._port)], console))
            group.create_task(self._keep("work", self._work, console))

    def _work(self) -> list[str]:
        """The worker answers for itself beside the door; where somebody took its port meanwhile, at the next that is free."""
        self._worker_port = free_port(self._settings.host, self._worker_port)
        return ["work", "--all", "--port", str(self._worker_port)]

    def stop(self) -> None:
        """Tell both processes to end; one that has not after a while is killed, which loses nothing."""
        if not self._stopping.is_set():
            asyncio.get_running_loop().call_later(STOP_SECONDS, self._send, signal.SIGKILL)
        self._stopping.set()
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                process.send_signal(number)

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out `work`; break it off when `stop` is called, since nobody would answer it any more."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._stopping.is_set():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return
        working.result()

    async def ready(self) -> None:
        """Return when the front answers that every service is ready. Raises TimeoutError after a minute."""
        async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient(base_url=self.url) as client:
            while not await _is_ready(client):  # noqa: ASYNC110 - nothing tells of a process that came up
                await asyncio.sleep(0.1)

    async def _keep(self, name: str, arguments: Callable[[], Sequence[str]], console: Console) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.command", *arguments(), "--parent", str(os.getpid()), env=environment(self._settings)
            )
            self.processes[name] = process
            if self._stopping.is_set():  # `stop` came while the process was being made
                process.send_signal(signal.SIGTERM)
            started = asyncio.get_running_loop().time()
            code = await process.wait()
            if self._stopping.is_set():
                return
            console.print(f"[yellow]{name} ended with {code}; starting it again[/]")
            lived = asyncio.get_running_loop().time() - started
            pause = 0.1 if lived > LONGEST_PAUSE_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.HTTPError:
        return False


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which a child process finds the same settings."""
    found = dict(os.environ)
    for name in (
        "database_url",
        "owner_database_url",
        "bus_url",
        "worker_name",
        "services_path",
        "host",
        "log_level",
        "smtp_url",
        "public_url",
    ):
        found[f"MITRA_{name.upper()}"] = str(getattr(settings, name))
    found["MITRA_FOLDER"] = str(Path(settings.folder).resolve())
    found.setdefault("MALLOC_ARENA_MAX", "2")  # each thread that fits a model would else keep a heap of its own
    return found


@contextlib.asynccontextmanager
async def running_company(settings: Settings, console: Console) -> AsyncIterator[Company]:
    """A company that is ready, and ends with the context; SIGINT and SIGTERM end it too."""
    company = Company(settings, free_port(settings.host, settings.port))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, company.stop)
    keeping = asyncio.create_task(company.run(console))
    try:
        waiting = asyncio.create_task(company.ready())
        await asyncio.wait({keeping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            waiting.result()
        waiting.cancel()
        yield company
        await keeping
    finally:
        company.stop()
        await keeping


def selected(settings: Settings, service: str | None, *, everything: bool) -> tuple[Manifest, ...]:
    """The manifests that a command names. Raises LookupError."""
    manifests = discover(settings.services_path)
    if everything:
        return manifests
    found = tuple(manifest for manifest in manifests if manifest.name == service)
    if not found:
        raise LookupError(f"name a service: {', '.join(manifest.name for manifest in manifests)}")
    return found
