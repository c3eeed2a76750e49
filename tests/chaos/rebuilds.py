"""Rebuilds that are killed again and again while events come in and answers are read: what is there afterwards is what an analytics
that was never rebuilt makes of the same log, and what was read meanwhile was old or new, never half.

In every run of the tests with one kill; `python -m tests.chaos.rebuilds` does forty among 20,000 orders.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import asyncpg
from deltalake.exceptions import DeltaError
from duckdb import Error as DuckDBError
from sqlalchemy import insert

from analytics_svc.history import flushing, lake
from analytics_svc.history.reading import engine, history_of, rows
from analytics_svc.rebuilds.command import FAIL_POINTS
from analytics_svc.settings import history_folder
from services import embedded, logs, provisioning, up
from services.bus import Bus
from services.bus.opening import open_bus
from services.database import Database
from services.identifiers import new_id
from services.manifests import ROOT, get_manifest
from services.settings import Settings, plain_url
from services.tenants import Tenant
from services.up import environment
from services.worker import open_workers
from tests.analytics.history.test_questions import a_company
from tests.analytics.make import events_of
from tests.chaos.processes import AT_RANDOM
from tests.chaos.verdict import settle

PATIENCE_SECONDS = 180.0
REBUILDS = ("facts", "customers")
OF_FACTS_ALONE = ("rebuild.part_written", "rebuild.table_hidden")
POINTS = {
    "facts": (*FAIL_POINTS, AT_RANDOM, AT_RANDOM),
    "customers": (*(point for point in FAIL_POINTS if point not in OF_FACTS_ALONE), AT_RANDOM, AT_RANDOM),
}
Kill = tuple[str, str]
AT_WORK = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
COUNTS = "SELECT (SELECT count(*) FROM fact), (SELECT count(*) FROM customer_stats)"
FACTS = """SELECT count(*), md5(string_agg(md5(row::text), '' ORDER BY subject, sequence)) FROM (
SELECT subject, sequence, kind, contact_id, occurred_at, occurred_on, recorded_at, currency, amount_minor, margin_minor, attributes
FROM fact
) AS row"""
CUSTOMERS = "SELECT count(*), md5(string_agg(md5(row::text), '' ORDER BY contact_id)) FROM customer_stats AS row"
Connection = flushing.Connection


@dataclass
class Verdict:
    """What was found: `findings` must be empty."""

    findings: list[str] = field(default_factory=list)
    kills: Counter[Kill] = field(default_factory=Counter)
    facts: int = 0
    customers: int = 0
    looks: int = 0
    questions: int = 0
    refused: int = 0


@dataclass
class Company:
    """The company whose projections are rebuilt, and what decides when a rebuild dies."""

    settings: Settings
    calm: Settings
    tenant_id: UUID
    dice: random.Random
    verdict: Verdict = field(default_factory=Verdict)

    @contextlib.asynccontextmanager
    async def connected(self, settings: Settings) -> AsyncIterator[Connection]:
        """A connection to analytics' database as mitra_app."""
        connection = await asyncpg.connect(plain_url(settings.database("analytics")))
        try:
            yield connection
        finally:
            await connection.close()

    async def start(self, *arguments: str, points: dict[str, float]) -> asyncio.subprocess.Process:
        """A `mitra` process that dies where `points` say."""
        armed = {"MITRA_FAIL_POINTS": json.dumps(points), "MITRA_FAIL_SEED": str(self.dice.randrange(2**31))}
        command = [sys.executable, "-m", "services.command", *arguments]
        quiet = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment(self.settings) | armed, stdout=quiet, stderr=quiet)


async def run(orders: int, kills: Sequence[Kill], seed: int, *, say: Callable[[str], None] = print) -> Verdict:
    """Kill rebuilds as `kills` say, under load, let them come to their end, and hold the outcome against an analytics without any."""
    with tempfile.TemporaryDirectory(prefix="mitra-chaos-", ignore_cleanup_errors=True) as name, embedded.start(Path(name)) as server:
        settings = Settings(**up.addresses_on(server), folder=Path(name))
        await up.prepare(settings, server)
        calm = settings.model_copy(update={"database_url": server.url(provisioning.APP, "calm_{service}")})
        company = Company(settings, calm, new_id(), random.Random(seed))
        await _found(company)
        await provisioning.create_database(server.dsn(provisioning.SUPERUSER, "postgres"), "calm_analytics", template="mitra_analytics")
        async with open_bus(settings.bus_url) as bus:
            await _disturbed(company, bus, orders, kills, say=say)
        await _judge(company)
        return company.verdict


async def _disturbed(company: Company, bus: Bus, orders: int, kills: Sequence[Kill], *, say: Callable[[str], None]) -> None:
    await _publish(company, bus, orders)
    worker = await company.start("work", "analytics", "--parent", str(os.getpid()), points={})
    await settle(company.settings, seconds=PATIENCE_SECONDS)
    say(f"{orders:,} orders are there")
    async with _going_on(_load(company, bus), _look(company), _ask(company)):
        await _under_kills(company, kills, say=say)
    await settle(company.settings, seconds=PATIENCE_SECONDS)
    worker.send_signal(signal.SIGTERM)
    await worker.wait()


async def _found(company: Company) -> None:
    database = Database(company.settings.database("analytics"), pool_size=1)
    async with database.session() as session:
        await session.execute(insert(Tenant).values(id=company.tenant_id, time_zone="UTC", currency="USD"))
        await session.commit()
    await database.close()


async def _publish(company: Company, bus: Bus, orders: int) -> None:
    """Orders of every kind, their events in any order: at any moment some are parked until the one before them is there."""
    events = events_of(a_company(company.tenant_id, count=orders, seed=company.dice.randrange(2**31)))
    company.dice.shuffle(events)
    for start in range(0, len(events), 1_000):
        await bus.publish(events[start : start + 1_000])


@contextlib.asynccontextmanager
async def _going_on(*works: AsyncIterator[None]) -> AsyncIterator[None]:
    """Each of `works` again and again meanwhile; one that fails fails the run."""
    stopping = asyncio.Event()

    async def again(work: AsyncIterator[None]) -> None:
        async for _ in work:
            if stopping.is_set():
                return

    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(again(work))
        try:
            yield
        finally:
            stopping.set()


async def _load(company: Company, bus: Bus) -> AsyncIterator[None]:
    while True:
        await _publish(company, bus, 30)
        yield
        await asyncio.sleep(0.25)


async def _look(company: Company) -> AsyncIterator[None]:
    """Facts and customers in PostgreSQL: here both only ever become more."""
    seen = (0, 0)
    async with company.connected(company.settings) as connection:
        while True:
            async with flushing.bound(connection, company.tenant_id):
                found = tuple(await connection.fetchrow(COUNTS) or ())
            if any(now < before for now, before in zip(found, seen, strict=True)):
                company.verdict.findings.append(f"facts and customers were {seen}, then {found}")
            seen = found
            company.verdict.looks += 1
            yield
            await asyncio.sleep(0.05)


async def _ask(company: Company) -> AsyncIterator[None]:
    """The history as a question finds it: each fact once, and none fewer than before; or no answer, while the table goes."""
    seen = 0
    folder = history_folder(company.settings)
    async with company.connected(company.settings) as connection:
        while True:
            try:
                duckdb = engine()
                facts = await history_of(connection, folder, duckdb, company.tenant_id)
                found = rows(duckdb, facts.select("subject", "sequence")).to_pylist()
            except (OSError, DuckDBError, DeltaError):  # files that have gone: a question is answered 503 then
                company.verdict.refused += 1
            else:
                keys = {(row["subject"], row["sequence"]) for row in found}
                if not seen <= len(found) == len(keys):
                    company.verdict.findings.append(f"the history held {seen}, then {len(found)} rows of {len(keys)} facts")
                seen = len(found)
                company.verdict.questions += 1
            yield
            await asyncio.sleep(0.5)


async def _under_kills(company: Company, kills: Sequence[Kill], *, say: Callable[[str], None]) -> None:
    for number, (what, point) in enumerate(kills):
        async with company.connected(company.settings) as connection:
            await flushing.flush(connection, history_folder(company.settings))
        await _kill(company, what, point)
        company.verdict.kills[what, point] += 1
        say(f"{number + 1:>3}/{len(kills)} killed {what:<10} {point}")
    for what in [each for each in REBUILDS if each in dict(kills)]:
        process = await company.start("rebuild", what, points={})
        async with asyncio.timeout(PATIENCE_SECONDS):
            if await process.wait() != 0:
                company.verdict.findings.append(f"rebuild {what} ended with {process.returncode} when nobody killed it")


def planned(kills: int, dice: random.Random) -> list[Kill]:
    """Rebuilds of facts and of customers in turns, each at its points in an order that the dice say."""
    points = {what: dice.sample(POINTS[what], len(POINTS[what])) for what in REBUILDS}
    whats = [REBUILDS[number % 2] for number in range(kills)]
    return [(what, points[what][number // 2 % len(points[what])]) for number, what in enumerate(whats)]


async def _kill(company: Company, what: str, point: str) -> None:
    """Have a rebuild die at `point`, or at any moment of its work; one that was done before is begun again."""
    while True:
        process = await company.start("rebuild", what, points={} if point == AT_RANDOM else {point: 1.0})
        async with asyncio.timeout(PATIENCE_SECONDS):
            if point == AT_RANDOM:
                await _at_work(company, what, process)
                await asyncio.sleep(company.dice.uniform(0.0, 0.4))
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            code = await process.wait()
        if code == -signal.SIGKILL:
            return
        assert (code, point) == (0, AT_RANDOM), f"rebuild {what} ended with {code} instead of being killed at {point}"


async def _at_work(company: Company, what: str, process: asyncio.subprocess.Process) -> None:
    async with company.connected(company.settings) as connection:
        while process.returncode is None and not await connection.fetchval(AT_WORK, f"mitra rebuild {what}"):
            await asyncio.sleep(0.005)


async def _judge(company: Company) -> None:
    """Have the calm analytics read the whole log, and hold the facts, the customers and the history against it."""
    async with open_workers([get_manifest("analytics")], company.calm) as (worker,):
        while await worker.consumer.step(wait_seconds=0.0):
            pass
    verdict = company.verdict
    found = {}
    for settings in (company.settings, company.calm):
        async with company.connected(settings) as connection, flushing.bound(connection, company.tenant_id):
            found[settings.database_url] = [tuple(await connection.fetchrow(each) or ()) for each in (FACTS, CUSTOMERS)]
    disturbed, undisturbed = found.values()
    verdict.facts, verdict.customers = undisturbed[0][0], undisturbed[1][0]
    for what, one, other in zip(REBUILDS, disturbed, undisturbed, strict=True):
        if one != other:
            verdict.findings.append(f"{what}: {one} after the kills, {other} without")
    async with company.connected(company.settings) as connection:
        await flushing.flush(connection, history_folder(company.settings))
    table = lake.opened(history_folder(company.settings))
    assert table is not None
    held = Counter((row["subject"], row["sequence"]) for row in table.to_pyarrow_table(columns=["subject", "sequence"]).to_pylist())
    if (len(held), held.total()) != (verdict.facts, verdict.facts):
        verdict.findings.append(f"the Delta table holds {len(held)} of {verdict.facts} facts in {held.total()} rows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chaos.rebuilds")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    logs.configure("error")  # of the calm analytics, to which early events are nothing new
    print(f"seed {arguments.seed}")
    outcome = asyncio.run(run(arguments.orders, planned(arguments.kills, random.Random(arguments.seed)), arguments.seed))
    print(f"{outcome.kills.total()} kills: { ({' at '.join(kill): times for kill, times in sorted(outcome.kills.items())}) }")
    print(f"{outcome.facts:,} facts, {outcome.customers:,} customers; {outcome.looks:,} looks")
    print(f"{outcome.questions:,} questions to the history answered, {outcome.refused:,} refused")
    print(f"{len(outcome.findings)} findings")
    for finding in outcome.findings[:20]:
        print(" ", finding)
    sys.exit(0 if not outcome.findings else 1)
