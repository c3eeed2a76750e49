"""A service is its folder: one that is dropped beside the others is migrated, served, relayed, consumed and isolated."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services import provisioning
from services.embedded import Server
from services.manifests import ROOT
from services.settings import Settings
from services.tokens import Caller, KeyPairs, Minter, make_key_pair
from tests.kit.extra import make_service
from tests.kit.test_isolation import unprotected

MIGRATE_AND_LOOK = """
import asyncio
from services import migrating
from services.command import app
from services.manifests import get_manifest
from services.settings import Settings
app(["migrate"], standalone_mode=False)
manifest = get_manifest("extra", Settings().services_path)
drift = asyncio.run(migrating.drift(Settings().owner_database("extra"), migrating.history_of(manifest)))
print(sorted(manifest.segments), sorted(manifest.topics), drift)
"""


@pytest.fixture
async def environment(settings: Settings, server: Server, tmp_path: Path) -> dict[str, str]:
    """The environment of a deployment that has one service more, whose database is empty."""
    make_service(tmp_path, "extra", noun="gadget")
    await provisioning.create_database(server.dsn(provisioning.SUPERUSER, "postgres"), "mitra_extra")
    keys = tmp_path / "mitra" / "keys"
    for deployable in ("gateway", "extra_svc", "stranger_svc"):
        make_key_pair(keys, deployable)
    return {
        **os.environ,
        "MITRA_SERVICES_PATH": str(tmp_path),
        "MITRA_DATABASE_URL": settings.database_url,
        "MITRA_OWNER_DATABASE_URL": settings.owner_database_url,
        "MITRA_BUS_URL": settings.bus_url,
        "MITRA_FOLDER": str(tmp_path / "mitra"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


async def run(environment: dict[str, str], *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    return output.decode()


@asynccontextmanager
async def started(environment: dict[str, str], *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A `mitra` process, ended by SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.command", *arguments, env=environment, cwd=ROOT, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def client_of(environment: dict[str, str], port: int, tenant_id: UUID, *, issuer: str = "gateway") -> httpx.AsyncClient:
    caller = Caller(tenant_id, "user:1" if issuer == "gateway" else f"system:{issuer}", None, frozenset({"gadgets:write"}))
    token = Minter(KeyPairs.load(Path(environment["MITRA_FOLDER"]) / "keys", issuer)).mint(caller, "extra_svc")
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"})


async def tally(server: Server, gadget_id: str) -> str | None:
    connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "mitra_extra"))
    try:
        found: str | None = await connection.fetchval("SELECT sequences::text FROM gadget_tally WHERE gadget_id = $1", UUID(gadget_id))
        return found
    finally:
        await connection.close()


async def test_a_folder_more_is_a_service_more(environment: dict[str, str], server: Server) -> None:
    *_, found = (await run(environment, "-c", MIGRATE_AND_LOOK)).splitlines()
    assert found == "['extra-jobs', 'gadgets'] ['crm.extra'] []"
    assert "gadget" not in await unprotected(server.dsn(provisioning.SUPERUSER, "mitra_extra"))
    port, ours, theirs = free_port(), uuid4(), uuid4()
    async with (
        started(environment, "serve", "extra", "--port", str(port)) as web,
        started(environment, "work", "extra"),
        client_of(environment, port, ours) as client,
        client_of(environment, port, theirs) as stranger,
    ):
        async with asyncio.timeout(40):
            while not await _is_ready(client):
                assert web.returncode is None
                await asyncio.sleep(0.05)
        made = await client.post("/v1/gadgets", json={"label": "lamp"})
        assert (made.status_code, made.json()["label"]) == (201, "lamp")
        gadget_id = made.json()["id"]
        used = await client.post(f"/v1/gadgets/{gadget_id}/use", json={"amount_minor": 3})
        assert (used.status_code, used.headers["mitra-version"]) == (200, f"gadget/{gadget_id}@2")
        assert (await stranger.get(f"/v1/gadgets/{gadget_id}")).status_code == 404
        assert (await stranger.post(f"/v1/gadgets/{gadget_id}/use", json={})).status_code == 404
        assert (await stranger.get("/v1/gadgets")).json()["items"] == []
        async with client_of(environment, port, ours, issuer="stranger_svc") as service:
            assert (await service.get("/v1/gadgets")).status_code == 403
        assert (await client.get("/v1/things")).status_code == 404
        async with asyncio.timeout(20):
            while await tally(server, gadget_id) != '["1", "2"]':
                await asyncio.sleep(0.05)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
