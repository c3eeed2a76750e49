"""A campaign whose worker is killed again and again: nobody is written to twice, nobody is lost without a word, and all of it is told.

In every run of the tests with 2,000 recipients and 5 kills; `python -m tests.chaos.campaigns` does 20 kills among 100,000.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from campaigns_svc.campaigns.models import Campaign
from campaigns_svc.sends.models import QueuedSend, Send
from campaigns_svc.sends.sending import FAIL_POINTS
from services import embedded, up
from services.database import Database
from services.manifests import get_manifest
from services.references import ContactReference
from services.settings import Settings
from services.up import environment
from services.worker import open_workers
from tests.chaos.mailing import Company, found, mail_server
from tests.chaos.processes import AT_RANDOM
from tests.chaos.verdict import judge_told, settle

ROOT = Path(__file__).resolve().parent.parent.parent
PROBABILITY = dict.fromkeys(FAIL_POINTS, 0.4) | {"send.after_accept": 0.01}


@dataclass
class Verdict:
    """What was found at the end: the lists must be empty, and everybody must stand somewhere."""

    accepted: int = 0
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    events: int = 0
    states: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not (self.twice or self.lost or self.reordered)


@dataclass
class Kills:
    """Whom to kill, where the mail server notes what it took, and what decides when."""

    company: Company
    notebook: Path
    dice: random.Random


async def run(recipients: int, kills: int, seed: int, *, say: Callable[[str], None] = print) -> Verdict:
    """Send a campaign to `recipients`, killing its worker `kills` times at fail points and at random."""
    with tempfile.TemporaryDirectory(prefix="mitra-chaos-", ignore_cleanup_errors=True) as name, embedded.start(Path(name)) as server:
        async with mail_server(Path(name) / "accepted.txt") as smtp_url:
            settings = Settings(**up.addresses_on(server), folder=Path(name), smtp_url=smtp_url)
            await up.prepare(settings, server)
            databases = {service: Database(settings.database(service), pool_size=2) for service in ("contacts", "campaigns")}
            company = Company(settings, databases)
            try:
                await found(company, recipients)
                say(f"{recipients:,} contacts are there")
                return await _under_kills(Kills(company, Path(name) / "accepted.txt", random.Random(seed)), kills, say=say)
            finally:
                for database in databases.values():
                    await database.close()


async def _under_kills(under: Kills, kills: int, *, say: Callable[[str], None]) -> Verdict:
    verdict = Verdict()
    points = [*FAIL_POINTS, AT_RANDOM]
    under.dice.shuffle(points)
    began = time.perf_counter()
    for number in range(kills):
        point = points[number % len(points)]
        if not await _kill(under, point):
            break
        verdict.kills[point] += 1
        say(f"{number + 1:>3}/{kills} killed {point:<20} {_lines(under.notebook):,} accepted")
    worker = await _start(under, {})
    while not await _is_completed(under):
        assert worker.returncode is None, "the worker ended by itself"
        await asyncio.sleep(0.2)
    verdict.seconds = time.perf_counter() - began
    await settle(under.company.settings)
    worker.send_signal(signal.SIGTERM)
    await worker.wait()
    await _judge(under, verdict)
    await _judge_events(under.company.settings, verdict)
    return verdict


async def _kill(under: Kills, point: str) -> bool:
    """Start the worker and have it die at `point`; answers False where the campaign was completed before that."""
    before = _lines(under.notebook)
    worker = await _start(under, {point: PROBABILITY[point]} if point in PROBABILITY else {})
    while worker.returncode is None:
        if point == AT_RANDOM and _lines(under.notebook) > before:
            await asyncio.sleep(under.dice.uniform(0.0, 0.5))
            worker.kill()
            await worker.wait()
        elif await _is_completed(under):
            worker.kill()
            await worker.wait()
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.wait(), 0.05)
    assert worker.returncode == -signal.SIGKILL, f"the worker ended with {worker.returncode}"
    return True


async def _start(under: Kills, points: dict[str, float]) -> asyncio.subprocess.Process:
    armed = {"MITRA_FAIL_POINTS": json.dumps(points), "MITRA_FAIL_SEED": str(under.dice.randrange(2**31))}
    command = [sys.executable, "-m", "services.command", "work", "campaigns", "--parent", str(os.getpid())]
    env = environment(under.company.settings) | armed
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stderr=asyncio.subprocess.DEVNULL)


async def _is_completed(under: Kills) -> bool:
    async with under.company.session("campaigns") as session:
        return await session.scalar(select(Campaign.status).where(Campaign.id == under.company.campaign_id)) == "completed"


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


async def _judge(under: Kills, verdict: Verdict) -> None:
    """Hold the mail server's notebook against the ledger and the queue."""
    accepted = Counter(line.split()[0] for line in under.notebook.read_text().splitlines())
    addresses = Counter(line.split()[1] for line in under.notebook.read_text().splitlines())
    async with under.company.session("campaigns") as session:
        ended = {str(row.id): row for row in (await session.scalars(select(Send))).all()}
        queued = {str(row.id): row for row in (await session.scalars(select(QueuedSend))).all()}
        known = set(await session.scalars(select(ContactReference.contact_id)))
    verdict.accepted = len(accepted)
    verdict.states = Counter(row.skip_reason or row.status for row in ended.values()) + Counter(row.state for row in queued.values())
    verdict.twice = [each for found in (accepted, addresses) for each, times in found.items() if times > 1]
    sent = {send_id for send_id, row in ended.items() if row.status == "sent"}
    unknown = {send_id for send_id, row in queued.items() if row.state == "unknown"}
    verdict.lost = [f"{send_id} was accepted and nobody knows" for send_id in accepted.keys() - sent - unknown]
    verdict.lost += [f"{send_id} is said to be sent and was not accepted" for send_id in sent - accepted.keys()]
    verdict.lost += [f"{send_id} is still {row.state}" for send_id, row in queued.items() if row.state != "unknown"]
    verdict.lost += [
        f"{send_id} was skipped without a reason" for send_id, row in ended.items() if row.status == "skipped" and not row.skip_reason
    ]
    standing = Counter(row.contact_id for row in (*ended.values(), *queued.values()))
    verdict.lost += [f"contact {each} stands nowhere" for each in known - standing.keys()]
    verdict.twice += [f"contact {each} stands twice" for each, times in standing.items() if times > 1]


async def _judge_events(settings: Settings, verdict: Verdict) -> None:
    """Have the gateway read what campaigns told under the kills, and hold its journal against the rows."""
    async with open_workers([get_manifest("gateway")], settings) as (gateway,):
        while await gateway.consumer.step(wait_seconds=0.0):
            pass
    told = await judge_told(settings, get_manifest("campaigns"))
    verdict.lost += told.lost
    verdict.twice += told.doubled
    verdict.reordered += told.reordered
    verdict.events = told.events


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chaos.campaigns")
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    verdict = asyncio.run(run(arguments.recipients, arguments.kills, arguments.seed))
    print(f"{verdict.kills.total()} kills: {dict(verdict.kills)}")
    print(f"{verdict.accepted:,} accepted in {verdict.seconds:.0f} s; {dict(verdict.states)}")
    print(f"{verdict.events:,} events in the journal")
    print(f"{len(verdict.twice)} twice, {len(verdict.lost)} lost, {len(verdict.reordered)} reordered")
    for finding in (*verdict.twice, *verdict.lost, *verdict.reordered)[:20]:
        print(" ", finding)
    sys.exit(0 if verdict.holds else 1)
