"""One chaos run: load, kills of processes and, where asked for, of the machines they stand on, recovery, verdict."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.keys.operations import bootstrap
from services import up
from services.bus.opening import is_kafka
from services.database import Database
from services.failpoints import POINTS
from services.serving import free_port
from services.settings import Settings
from tests.chaos.load import Load
from tests.chaos.machines import BROKERS, DATABASE, EVERYTHING, LEADER, Machines
from tests.chaos.processes import AT_RANDOM, Processes
from tests.chaos.verdict import Verdict, judge, settle
from tests.kafka.broker import Cluster

RECOVERY_SECONDS = 10.0
KAFKA_RECOVERY_SECONDS = 20.0


@dataclass
class Report:
    """What a run saw: kills per point, the time from each kill to a new order that is visible in analytics, and the verdict."""

    seed: int
    kills: dict[str, int]
    slowest: dict[str, float]
    recoveries: list[float]
    requests: int
    repeats: int
    verdict: Verdict
    most_seconds: float

    @property
    def holds(self) -> bool:
        return self.verdict.clean and max(self.recoveries) <= self.most_seconds


async def run(
    kills: int, seed: int, *, say: Callable[[str], None], cluster: Cluster | None = None, machines: bool = False, logs: Path | None = None
) -> Report:
    """Kill `kills` times; the points take turns in an order drawn from `seed`. The bus is the PostgreSQL log unless a cluster is given.

    With `machines` the database server, the brokers and everything at once are killed as well. The processes' logs are kept in `logs`.
    """
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="mitra-chaos-", ignore_cleanup_errors=True) as name:
        under = Machines(Path(name), cluster, dice)
        points = [*POINTS, AT_RANDOM, AT_RANDOM, *(under.kinds if machines else ())]
        dice.shuffle(points)
        server = under.server
        addresses = up.addresses_on(server) | ({"bus_url": cluster.url, "worker_name": "chaos"} if cluster else {})
        settings = Settings(**addresses, folder=Path(name))
        processes = Processes(settings, free_port("127.0.0.1", 18100), dice, logs or Path(name))
        try:
            await up.prepare(settings, server)
            await processes.start("serve")
            await processes.start("work")
            await processes.ready()
            return await _under_load(processes, under, [points[n % len(points)] for n in range(kills)], seed, say=say)
        finally:
            await processes.kill_all()
            under.stop()


async def _under_load(processes: Processes, machines: Machines, points: list[str], seed: int, *, say: Callable[[str], None]) -> Report:
    key = await new_company(processes.settings, processes.url)
    load = Load(processes.url, key, seed=seed)
    working = asyncio.create_task(load.run())
    recoveries = []
    for number, point in enumerate(points, 1):
        await asyncio.sleep(processes.dice.uniform(0.1, 0.5))
        died_at = await _kill(processes, machines, point)
        recoveries.append(await _recovered(load, processes.url, key, died_at=died_at))
        say(f"{number:>4}/{len(points)} killed {point:<24} whole again after {recoveries[-1]:.2f} s")
        if point not in (*POINTS, AT_RANDOM):
            await machines.whole()
        processes.check()
        if working.done():
            working.result()
    load.stop()
    await working
    await settle(processes.settings)
    verdict = await judge(processes.settings, load.promises)
    most_seconds = KAFKA_RECOVERY_SECONDS if is_kafka(processes.settings.bus_url) else RECOVERY_SECONDS
    slowest = {point: max(seconds for each, seconds in zip(points, recoveries, strict=True) if each == point) for point in points}
    return Report(seed, Counter(points), slowest, recoveries, load.promises.requests, load.promises.repeats, verdict, most_seconds)


async def _kill(processes: Processes, machines: Machines, point: str) -> float:
    """Kill at `point`, and start again what was killed, except for a leader: the others are to do without it. Answers when it died."""
    if point in (*POINTS, AT_RANDOM):
        return await processes.kill(point)
    if point == LEADER:
        await machines.kill_leader()
        return time.perf_counter()
    if point == EVERYTHING:
        await processes.kill_all()
    if point in (DATABASE, EVERYTHING):
        machines.kill_database()
    if point in (BROKERS, EVERYTHING):
        machines.kill_brokers()
    died_at = time.perf_counter()
    if point == DATABASE:
        await machines.restart_database()
    elif point == BROKERS:
        await machines.restart_brokers()
    else:
        await asyncio.gather(_restart_service(processes, machines), machines.restart_brokers())
        await processes.start("work")
    return died_at


async def _restart_service(processes: Processes, machines: Machines) -> None:
    await machines.restart_database()
    await processes.start("serve")


async def _recovered(load: Load, url: str, key: str, *, died_at: float) -> float:
    """Seconds from the kill until an order placed after it is seen in its customer's value history."""
    order_id, customer = await load.place()
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}) as client:
        while True:
            try:
                answer = await client.get(f"/v1/orders/{order_id}/history")
                summary = await client.get(f"/v1/customers/{customer}/summary", headers={"Mitra-Version": f"order/{order_id}@1"})
                if answer.is_success and answer.json()["items"] and summary.is_success:
                    return time.perf_counter() - died_at
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


async def new_company(settings: Settings, url: str) -> str:
    """A tenant made through the door by the operator; answers its key."""
    database = Database(settings.database("gateway"), pool_size=1)
    operator = await bootstrap(database)
    await database.close()
    body = {"name": "Chaos", "time_zone": "UTC", "currency": "USD", "admin": {"email": "admin@example.com", "name": "Admin"}}
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {operator}"}, timeout=20.0) as client:
        answer = await client.post("/v1/tenants", json=body)
        return str(answer.raise_for_status().json()["key"]["secret"])
