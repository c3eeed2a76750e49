"""A disk that is full: refusals that say so, nothing promised is lost, and work goes on once there is room."""

import contextlib
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import psutil
import pytest
from demo_svc.manifest import manifest as demo

from services import embedded, provisioning, up
from services.application import create_app, deployable_of
from services.bus.postgres import PostgresBus
from services.clock import utc_now
from services.envelope import Envelope
from services.identifiers import new_id
from services.migrating import migrate
from services.relay import Relay
from services.settings import Settings, plain_url
from services.tokens import Caller, KeyPairs, Minter, make_key_pair

MEGABYTES = 160
A_PIECE = b"\0" * 64 * 1024


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a disk of its own, of 160 MB. Skipped, and said so, where nobody may mount one."""
    with tempfile.TemporaryDirectory(prefix="mitra-disk-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0755", "tmpfs", name]
        try:
            mounted = subprocess.run(command, check=False, capture_output=True, text=True)
        except OSError as error:
            pytest.skip(f"no full disk in this run: {error}")
        if mounted.returncode:
            pytest.skip(f"no full disk in this run: {mounted.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing more fits; answers what was written."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(A_PIECE)
    assert shutil.disk_usage(disk).free < len(A_PIECE)
    return ballast


async def prepared(server: embedded.Server, folder: Path) -> Settings:
    """Settings on the databases of the demo service and of its bus, migrated, with key pairs."""
    settings = Settings(**up.addresses_on(server), folder=folder)
    for name in ("bus", "demo"):
        await provisioning.create_database(server.dsn(provisioning.SUPERUSER, "postgres"), f"mitra_{name}")
    await migrate(settings, [demo])
    for deployable in ("gateway", deployable_of(demo)):
        make_key_pair(settings.keys_folder, deployable)
    return settings


@asynccontextmanager
async def things(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the demo service, for a tenant that nobody was told of."""
    app = create_app(demo, settings)
    caller = Caller(new_id(), "user:1", None, frozenset({"*"}))
    token = Minter(KeyPairs.load(settings.keys_folder, "gateway"), clock=utc_now).mint(caller, deployable_of(demo))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://mitra", headers=headers))


async def make(client: httpx.AsyncClient, key: str) -> httpx.Response:
    """A hundred things at once, all or none."""
    operations = [{"op": "create", "data": {"label": f"lamp {number}"}} for number in range(100)]
    body = {"atomic": True, "operations": operations}
    return await client.post("/v1/things/batch", json=body, headers={"Idempotency-Key": key})


def ids(answer: httpx.Response) -> list[str]:
    return [f"thing/{UUID(item['id'])}" for item in answer.json()["results"]]


async def test_a_full_disk_refuses_loses_nothing_and_is_forgotten_once_there_is_room(small_disk: Path) -> None:
    made: list[str] = []
    server = embedded.start(small_disk)
    try:
        settings = await prepared(server, small_disk)
        async with things(settings) as client:
            made += ids(await make(client, str(uuid4())))
            ballast = fill(small_disk)
            refused = await until_refused(client, made)
            ballast.unlink()
            if not psutil.pid_exists(server.pid) or psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE:
                server.stop()
                server = embedded.start(small_disk)
            while (answer := await make(client, refused)).status_code == 503:
                pass
            made += ids(answer)
            made += ids(await make(client, str(uuid4())))
        await judge(settings, made)
    finally:
        server.stop()


async def until_refused(client: httpx.AsyncClient, made: list[str]) -> str:
    """Make things until the disk is full; answers the key of what was refused."""
    for _ in range(2_000):
        key = str(uuid4())
        answer = await make(client, key)
        if not answer.is_success:
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
            return key
        made += ids(answer)
    raise AssertionError("the disk is never full")


async def judge(settings: Settings, made: list[str]) -> None:
    """Every thing that was promised is there with its one event, nothing else is, and all of it comes on the bus in order."""
    owner = await asyncpg.connect(plain_url(settings.owner_database("demo")))
    bus = PostgresBus(plain_url(settings.bus_url))
    try:
        await owner.execute("ALTER TABLE thing NO FORCE ROW LEVEL SECURITY")
        rows = Counter(f"thing/{row['id']}" for row in await owner.fetch("SELECT id FROM thing"))
        assert rows == Counter(made)
        await bus.start()
        relay = Relay("", bus, service="demo")
        while await relay.move(owner):
            pass
        told: list[str] = []
        while records := await bus.read({("crm.demo", 0): len(told)}, wait_seconds=0.0):
            told += [Envelope.from_json(record.event).subject for record in records]
        assert Counter(told) == rows
        assert await owner.fetchval("SELECT count(*) FROM outbox") == 0
    finally:
        with contextlib.suppress(asyncpg.PostgresError):
            await owner.close()
        await bus.close()
