"""What the tests of the kit share: the demo service may be imported at the top, and a way to end a connection from outside."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from services import provisioning
from services.embedded import Server

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))

TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()"

Kill = Callable[[str], Awaitable[int]]


@pytest.fixture
async def kill_backends(server: Server) -> Kill:
    """Ends every connection of one application name, as a crash of its process would; answers how many there were."""

    async def kill(application_name: str) -> int:
        connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "postgres"))
        try:
            return int(await connection.fetchval(TERMINATE, application_name))
        finally:
            await connection.close()

    return kill
