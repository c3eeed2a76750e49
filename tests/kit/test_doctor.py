"""`mitra doctor`: each thing that may be wrong is planted and found, with what to do, and the exit code says how grave it is."""

import asyncio
import io
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from rich.console import Console
from sqlalchemy import insert
from typer.testing import CliRunner

from services import doctor, examinations, provisioning
from services.bus import Message
from services.bus.opening import open_bus
from services.command import app
from services.database import Database
from services.embedded import Server
from services.examinations import Finding
from services.identifiers import new_id
from services.jobs import Job
from services.manifests import get_manifest
from services.parking import Parked
from services.references import ContactReference
from services.settings import Settings, plain_url
from tests.harness import Mitra
from tests.journeys.company import ROOT
from tests.kit.test_relay import make
from tests.pipeline import make as orders

LOCK = "SELECT pg_try_advisory_lock(7101, 1)"


@pytest.fixture
async def watched(mitra: Mitra) -> AsyncIterator[Mitra]:
    """A Mitra whose relays hold their office, as they do when workers run; its clock is the machine's."""
    mitra.clock.now = datetime.now(UTC)
    connections = [await asyncpg.connect(plain_url(mitra.settings.database(name))) for name in mitra.databases]
    assert [await connection.fetchval(LOCK) for connection in connections] == [True] * len(connections)
    yield mitra
    for connection in connections:
        await connection.close()


async def found(mitra: Mitra, check: str, where: str = "demo", **settings: str) -> Finding:
    """What is found of one check in one place; of a database, without looking at all the others."""
    given = mitra.settings.model_copy(update=settings)
    one = get_manifest(where, given.services_path) if where in mitra.databases and check != "lag" else None
    looked = await doctor.look(given) if one is None else await doctor._database(one, given)
    (finding,) = [each for each in looked if (each.check, each.where) == (check, where)]
    return finding


async def execute(mitra: Mitra, statement: Any) -> None:
    async with mitra.session("demo", None) as session:
        await session.execute(statement)
        await session.commit()


def a_parked_event(**different: object) -> Any:
    usual = {"consumer": "demo", "subject": "thing/1", "sequence": 2, "tenant_id": new_id(), "topic": "crm.demo", "partition": 0}
    return insert(Parked).values(usual | {"reason": "gap", "event": "{}"} | different)


def a_job(**different: object) -> Any:
    at = datetime.now(UTC)
    usual = {"id": new_id(), "tenant_id": new_id(), "kind": "count", "key": "1", "status": "queued", "run_at": at, "arguments": {}}
    more = {"progress_bps": 0, "counts": {}, "attempts": 0, "cancel_requested": False, "actor": "a", "correlation_id": "c"}
    return insert(Job).values(usual | more | {"created_at": at, "updated_at": at} | different)


async def test_a_mitra_that_is_well_has_nothing_wrong_and_nothing_unseen(watched: Mitra) -> None:
    await make(watched, await watched.new_tenant(), 3)
    await watched.drain()
    findings = await doctor.look(watched.settings)
    assert [finding for finding in findings if finding.state != "ok"] == []
    assert {finding.check for finding in findings} == set(doctor.CHECKS) - {"database"}
    assert {finding.where for finding in findings if finding.check == "roles"} == set(watched.databases)
    assert doctor.exit_code(findings) == 0


async def test_an_outbox_that_nobody_moves_is_wrong(mitra: Mitra) -> None:
    mitra.clock.now = datetime.now(UTC)
    await make(mitra, await mitra.new_tenant(), 3)
    finding = await found(mitra, "outbox")
    assert (finding.state, finding.advice) == ("wrong", "start `mitra work demo`")
    assert finding.found.startswith("no relay runs; 3 events wait")


async def test_an_event_that_waits_for_the_bus_for_long_is_wrong(watched: Mitra) -> None:
    watched.clock.now -= timedelta(minutes=5)
    await make(watched, await watched.new_tenant(), 1)
    finding = await found(watched, "outbox")
    assert finding.state == "wrong"
    assert finding.found.startswith("1 events wait, the first for 30")


async def test_a_consumer_that_is_behind_for_long_is_wrong_and_a_moment_is_not(watched: Mitra) -> None:
    tenant_id = await watched.new_tenant()
    await make(watched, tenant_id, 2)
    await watched.workers["demo"].relay.move(watched.relays["demo"])
    young = await found(watched, "lag")
    assert (young.state, young.found.partition(",")[0]) == ("ok", "2 events wait")
    await watched.drain()
    watched.clock.now -= timedelta(minutes=5)
    await make(watched, tenant_id, 1)
    await watched.workers["demo"].relay.move(watched.relays["demo"])
    old = await found(watched, "lag")
    assert (old.state, old.found.partition(",")[0]) == ("wrong", "1 events wait")
    await watched.drain()


@pytest.mark.parametrize(
    ("planted", "check", "state", "said"),
    [
        (
            lambda: a_parked_event(parked_at=datetime.now(UTC) - timedelta(minutes=2)),
            "gaps",
            "wrong",
            "1 subjects miss an event, one for 12",
        ),
        (a_parked_event, "gaps", "ok", "1 subjects wait, none for long"),
        (lambda: a_parked_event(reason="failed", error="KeyError"), "parked", "wrong", "1 subjects, the first for "),
        (lambda: a_job(run_at=datetime.now(UTC) - timedelta(hours=1)), "jobs", "wrong", "1 jobs are due, the first for 36"),
        (lambda: a_job(status="failed"), "jobs", "note", "failed in the last day: 1 count"),
        (lambda: a_job(status="failed", updated_at=datetime.now(UTC) - timedelta(days=2)), "jobs", "ok", "0 due, 0 running"),
    ],
    ids=["an old gap", "a young gap", "a parked subject", "a late job", "a failed job", "a job that failed long ago"],
)
async def test_what_is_planted_in_a_database_is_found(
    watched: Mitra, planted: Callable[[], Any], check: str, state: str, said: str
) -> None:
    await execute(watched, planted())
    finding = await found(watched, check)
    assert (finding.state, finding.found[: len(said)]) == (state, said)


async def test_a_database_behind_the_program_is_to_be_migrated(watched: Mitra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examinations, "newest", lambda history: f"{history.package} of tomorrow")
    finding = await found(watched, "schema")
    assert (finding.state, finding.advice) == ("wrong", "mitra migrate")
    assert finding.found.endswith("instead of services of tomorrow, demo_version demo_0001 instead of demo_svc of tomorrow")


@pytest.mark.parametrize(("seconds", "state"), [(-60, "wrong"), (0, "ok"), (60, "wrong")])
async def test_a_clock_that_is_off_is_wrong(watched: Mitra, monkeypatch: pytest.MonkeyPatch, seconds: int, state: str) -> None:
    monkeypatch.setattr(examinations, "utc_now", lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    finding = await found(watched, "clock")
    assert finding.state == state
    assert re.fullmatch(r"(5\d\.\d|60\.0) s from the database's clock" if seconds else "agrees with the database's", finding.found)


async def test_a_role_that_may_see_every_tenant_is_wrong(watched: Mitra, server: Server) -> None:
    finding = await found(watched, "roles", database_url=server.url(provisioning.SUPERUSER, "mitra_{service}"))
    assert (finding.state, finding.found) == ("wrong", "postgres bypasses row-level security")


async def test_a_database_of_another_locale_is_wrong(server: Server) -> None:
    admin = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "postgres"))
    await admin.execute("CREATE DATABASE foreign_demo TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'")
    try:
        database = Database(server.url(provisioning.APP, "foreign_demo"), pool_size=1)
        async with database.engine.connect() as connection:
            finding = await examinations.locale(connection, get_manifest("contacts"))
        await database.close()
    finally:
        await admin.execute("DROP DATABASE foreign_demo")
        await admin.close()
    assert finding.state == "wrong"
    assert finding.found == "provider c instead of b, locale None instead of C.UTF-8, ctype C instead of C.UTF-8"


async def test_a_missing_topic_is_wrong_and_a_dead_letter_is_noted(watched: Mitra) -> None:
    await watched.workers["demo"].relay._bus.publish([Message("crm.demo.dead", "demo", "nonsense")])
    finding = await found(watched, "dead letters", "bus")
    assert (finding.state, finding.found) == ("note", "1 records could never be decoded")
    more = replace(get_manifest("contacts"), consumes=["crm.moon"])
    async with open_bus(watched.settings.bus_url) as bus:
        finding = await doctor._topics(bus, [more])
    assert (finding.state, finding.advice) == ("wrong", "mitra migrate")
    assert "crm.moon" in finding.found


async def test_a_disk_without_room_is_wrong(watched: Mitra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 2**80)
    finding = await found(watched, "disk", str(watched.settings.folder))
    assert (finding.state, finding.advice) == ("wrong", "make room: a full disk stops every write")


async def test_contacts_that_nothing_was_heard_of_are_counted_once_and_apart_by_tenant(watched: Mitra) -> None:
    known, stranger = new_id(), new_id()
    for tenant_id in (await watched.new_tenant(), await watched.new_tenant()):
        async with watched.session("pipeline", tenant_id) as session:
            await session.execute(insert(ContactReference).values(tenant_id=tenant_id, contact_id=known))
            await session.commit()
        async with watched.client("pipeline", watched.caller(tenant_id)) as client:
            for contact_id in (known, stranger, stranger):
                await orders.create(client, orders.order(contact_id=str(contact_id)))
    finding = await found(watched, "foreign ids", "pipeline")
    assert (finding.state, finding.found) == ("note", "records name 2 contacts that nothing was ever heard of")
    assert (await found(watched, "foreign ids")).found == "keeps no contacts of others"


async def test_what_cannot_be_asked_is_blind_and_tells_no_password(watched: Mitra) -> None:
    nowhere = {
        "database_url": "postgresql+asyncpg://mitra_app:s3cret@127.0.0.1:1/mitra_{service}",
        "bus_url": "postgresql://a:s3cret@127.0.0.1:1/b",
    }
    findings = await doctor.look(watched.settings.model_copy(update=nowhere))
    assert {(finding.check, finding.state) for finding in findings} == {("database", "blind"), ("topics", "blind"), ("disk", "ok")}
    assert doctor.exit_code(findings) == 2
    assert "s3cret" not in printed(findings)


def printed(findings: list[Finding]) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(doctor.table_of(findings))
    return console.export_text()


@pytest.mark.parametrize(
    ("states", "code"), [(["ok", "note"], 0), (["ok", "wrong"], 1), (["ok", "blind"], 2), (["wrong", "blind"], 1)], ids=str
)
def test_the_exit_code_is_of_the_gravest(states: list[examinations.State], code: int) -> None:
    assert doctor.exit_code([Finding("roles", "demo", state, "") for state in states]) == code


def test_what_is_well_in_every_service_takes_one_row() -> None:
    well = [Finding("gaps", name, "ok", "none") for name in ("contacts", "pipeline")]
    table = printed([Finding("lag", "demo", "wrong", "behind", "wait"), *well])
    (gaps,) = [line for line in table.splitlines() if "gaps" in line]
    assert "contacts, pipeline" in gaps
    assert table.index("gaps") < table.index("lag")


def test_the_document_says_what_to_do_about_every_check() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| .+ \| .+ \|$", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE)
    assert [row for row in rows if row not in ("check", "metric")] == list(doctor.CHECKS)


def command(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("MITRA_")}
    environment = foreign | {"MITRA_FOLDER": str(folder), "PYTHONPATH": str(ROOT)} | settings
    arguments = [sys.executable, "-m", "services.command", "doctor"]
    return subprocess.run(arguments, env=environment, cwd=folder, text=True, capture_output=True, check=False)


def test_the_command_cannot_look_where_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.command.logs.configure", lambda _level: None)  # its standard error ends with the command
    done = CliRunner().invoke(app, ["doctor"], env={"MITRA_FOLDER": str(tmp_path), "MITRA_DATABASE_URL": "", "MITRA_LOG_LEVEL": "error"})
    assert done.exit_code == 2
    assert "run `mitra up` here first" in done.output.replace("\n", " ")


async def test_the_command_shows_what_is_wrong_and_ends_with_1(mitra: Mitra) -> None:
    settings: Settings = mitra.settings
    named = {f"MITRA_{name.upper()}": str(getattr(settings, name)) for name in ("database_url", "bus_url", "services_path")}
    done = await asyncio.to_thread(command, settings.folder, **named)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no relay runs; empty" in done.stdout
