"""Fits of models whose worker is killed again and again: each ends once, with its models and their events, and no half ones.

`python -m tests.chaos.fits --kills 20`; not in the run of the tests.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy import insert, select

from analytics_svc.models.models import Model
from analytics_svc.models.operations import ask_for_fit
from analytics_svc.models.schemas import FitRequest
from services import embedded, up
from services.database import Context, Database
from services.identifiers import new_id
from services.jobs import Job
from services.manifests import ROOT, get_manifest
from services.settings import Settings
from services.tenants import Tenant
from services.up import environment
from services.worker import open_workers
from tests.analytics.make import events_of
from tests.analytics.test_customers import company
from tests.chaos.processes import AT_RANDOM
from tests.chaos.verdict import Verdict, judge_told, settle

POINTS = {"write.before_event": 1.0, "write.before_commit": 1.0, AT_RANDOM: 0.0}
CUSTOMERS = 1_000
PATIENCE_SECONDS = 180.0


@dataclass
class Fits:
    """The company whose models are fitted, the fits that were asked for, and what decides when the worker dies."""

    settings: Settings
    database: Database
    tenant_id: UUID
    dice: random.Random
    asked: list[UUID] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)

    async def ask(self) -> None:
        """Ask for one more fit."""
        async with self.database.session(Context(self.tenant_id, "system:chaos", "chaos")) as session:
            self.asked.append((await ask_for_fit(session, FitRequest())).id)
            await session.commit()

    async def jobs(self) -> dict[UUID, Job]:
        """The fits that were asked for, as they stand."""
        async with self.database.session() as session:
            return {job.id: job for job in await session.scalars(select(Job).where(Job.id.in_(self.asked)))}

    async def states(self) -> set[str]:
        return {job.status for job in (await self.jobs()).values()}

    async def start(self, points: dict[str, float]) -> asyncio.subprocess.Process:
        """The worker of analytics."""
        env = environment(self.settings) | {"MITRA_FAIL_POINTS": json.dumps(points)}
        command = [sys.executable, "-m", "services.command", "work", "analytics", "--parent", str(os.getpid())]
        return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stderr=asyncio.subprocess.DEVNULL)


async def run(kills: int, seed: int, *, say: Callable[[str], None] = print) -> tuple[Fits, Verdict]:
    """Kill the worker `kills` times while it fits, and hold what came of it against what was asked for."""
    with tempfile.TemporaryDirectory(prefix="mitra-chaos-", ignore_cleanup_errors=True) as name, embedded.start(Path(name)) as server:
        settings = Settings(**up.addresses_on(server), folder=Path(name))
        await up.prepare(settings, server)
        fits = Fits(settings, Database(settings.database("analytics"), pool_size=2), new_id(), random.Random(seed))
        try:
            await _found(fits)
            for number in range(kills):
                point = list(POINTS)[number % len(POINTS)]
                await _kill(fits, point)
                fits.kills[point] += 1
                say(f"{number + 1:>3}/{kills} killed {point}")
            await _finish(fits)
            return fits, await _judge(fits)
        finally:
            await fits.database.close()


async def _found(fits: Fits) -> None:
    """A company that analytics and the gateway know, with its orders."""
    for service in ("analytics", "gateway"):
        database = Database(fits.settings.database(service), pool_size=1)
        async with database.session() as session:
            await session.execute(insert(Tenant).values(id=fits.tenant_id, time_zone="UTC", currency="USD"))
            await session.commit()
        await database.close()
    async with open_workers([get_manifest("analytics")], fits.settings) as (worker,):
        await worker.relay._bus.publish(events_of(company(fits.tenant_id, customers=CUSTOMERS)))
        while await worker.consumer.step(wait_seconds=0.0):
            pass


async def _kill(fits: Fits, point: str) -> None:
    """Start the worker on a fit and have it die at `point`, or at any moment of the fit."""
    if await fits.states() <= {"succeeded"}:
        await fits.ask()
    worker = await fits.start({point: POINTS[point]} if point != AT_RANDOM else {})
    async with asyncio.timeout(PATIENCE_SECONDS):
        if point == AT_RANDOM:
            while "running" not in await fits.states():
                await fits.ask() if await fits.states() <= {"succeeded"} else await asyncio.sleep(0.01)
            await asyncio.sleep(fits.dice.uniform(0.0, 0.3))
            worker.kill()
        code = await worker.wait()
    assert code == -signal.SIGKILL, f"the worker ended with {code}"


async def _finish(fits: Fits) -> None:
    """Let a worker that is left alone do what is left."""
    worker = await fits.start({})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await fits.states() <= {"succeeded", "failed"}:
            await asyncio.sleep(0.1)
    worker.send_signal(signal.SIGTERM)
    await worker.wait()


async def _judge(fits: Fits) -> Verdict:
    """Every fit has its models, no model is anybody's twice or nobody's, and the journal tells of each."""
    async with open_workers([get_manifest("analytics"), get_manifest("gateway")], fits.settings) as workers:
        moving = [asyncio.create_task(part) for worker in workers for part in (worker.relay.run(), worker.consumer.run())]
        await settle(fits.settings)
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)
    verdict = await judge_told(fits.settings, get_manifest("analytics"))
    async with fits.database.session(Context(fits.tenant_id, "system:chaos", "chaos")) as session:
        models = {str(model.id): model.kind for model in await session.scalars(select(Model))}
    named: Counter[str] = Counter()
    for job in (await fits.jobs()).values():
        if job.status != "succeeded":
            verdict.lost.append(f"fit {job.id} is {job.status}: {job.problem}")
        named.update((job.result or {}).get("model_ids", []))
    verdict.lost += [f"model {each} was answered and is not there" for each in named.keys() - models.keys()]
    verdict.doubled += [f"model {each} is of two fits" for each, times in named.items() if times > 1]
    by_itself = Counter(kind for each, kind in models.items() if each not in named)
    verdict.doubled += [f"{times} models of the kind {kind} were asked for by nobody" for kind, times in by_itself.items() if times > 1]
    return verdict


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chaos.fits")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    fits, verdict = asyncio.run(run(arguments.kills, arguments.seed))
    print(f"{fits.kills.total()} kills: {dict(fits.kills)}; {len(fits.asked)} fits, {verdict.events:,} events in the journal")
    print(f"{len(verdict.lost)} lost, {len(verdict.doubled)} doubled, {len(verdict.reordered)} reordered")
    for finding in (*verdict.lost, *verdict.doubled, *verdict.reordered)[:20]:
        print(" ", finding)
    sys.exit(0 if verdict.clean else 1)
