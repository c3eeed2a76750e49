"""What must hold when the dust has settled: nothing lost, nothing doubled, nothing reordered, in every store."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from services.bus.opening import open_bus
from services.manifests import Manifest, discover
from services.settings import Settings, plain_url
from tests.chaos.load import Promises
from tests.kit.untold import loud_tables


@dataclass
class Verdict:
    """The findings: each list must be empty."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    orders: int = 0
    events: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.reordered)


async def settle(settings: Settings, *, seconds: float = 30.0) -> None:
    """Return when every outbox is empty and every consumer is at the head of its topics. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await _quiet(settings):
            await asyncio.sleep(0.1)


async def _quiet(settings: Settings) -> bool:
    topics = sorted({topic for manifest in discover() for topic in manifest.topics})
    async with open_bus(settings.bus_url) as bus:
        heads = await bus.heads(topics)
    for service in [manifest.name for manifest in discover()]:
        if await _fetch(settings, service, "SELECT 1 FROM outbox LIMIT 1"):
            return False
        for row in await _fetch(settings, service, "SELECT * FROM consumer_offset"):
            if row["next_offset"] < heads[row["topic"], row["partition"]]:
                return False
    return True


async def judge(settings: Settings, promises: Promises) -> Verdict:
    """Hold every store against what was promised."""
    verdict = Verdict(orders=len(promises.versions))
    rows = {str(r["id"]): r for r in await _fetch_all(settings, "pipeline", "orders", "id")}
    for order_id, version in promises.versions.items():
        row = rows.get(order_id)
        if row is None or row["version"] < version:
            verdict.lost.append(f"order {order_id}@{version} was promised and is not in pipeline")
            continue
        if row["paid_minor"] != promises.paid[order_id] or row["refunded_minor"] != promises.refunded[order_id]:
            verdict.doubled.append(f"order {order_id}: money moved {row['paid_minor']}/{row['refunded_minor']}")
    verdict.doubled += [f"order {order_id} was never promised" for order_id in rows.keys() - promises.versions.keys()]
    await _judge_journal(settings, {f"order/{id_}": row["version"] for id_, row in rows.items()}, verdict)
    await _judge_facts(settings, {f"order/{id_}": row["version"] for id_, row in rows.items()}, verdict)
    await _judge_parked(settings, verdict)
    return verdict


async def judge_told(settings: Settings, manifest: Manifest) -> Verdict:
    """Hold the journal against the rows of a service: every version of every row that is told of is there once, and in its order."""
    verdict = Verdict()
    versions = {}
    for table in loud_tables(manifest):
        rows = await _fetch_all(settings, manifest.name, table.name, "id")
        versions |= {f"{table.name}/{row['id']}": row["version"] for row in rows}
    await _judge_journal(settings, versions, verdict)
    await _judge_parked(settings, verdict)
    return verdict


async def _judge_journal(settings: Settings, versions: Mapping[str, int], verdict: Verdict) -> None:
    """Each subject's sequences stand once each and in order, and each tenant's seq has no gap."""
    seen: dict[str, list[int]] = defaultdict(list)
    last: dict[Any, int] = {}
    for row in await _fetch_all(settings, "gateway", "journal_entry", "tenant_id, seq"):
        tenant = row["tenant_id"]
        if row["seq"] != last.get(tenant, 0) + 1:
            verdict.lost.append(f"journal of {tenant}: {last.get(tenant, 0)} is followed by {row['seq']}")
        last[tenant] = row["seq"]
        seen[row["subject"]].append(row["sequence"])
        verdict.events += 1
    for subject, sequences in seen.items():
        if len(set(sequences)) != len(sequences):
            verdict.doubled.append(f"journal: {subject} {sequences}")
        if sequences != sorted(sequences):
            verdict.reordered.append(f"journal: {subject} {sequences}")
    for subject, version in versions.items():
        if sorted(seen[subject]) != list(range(1, version + 1)):
            verdict.lost.append(f"journal: {subject} has {sorted(seen[subject])}, the row is at {version}")


async def _judge_facts(settings: Settings, versions: Mapping[str, int], verdict: Verdict) -> None:
    found: dict[str, list[int]] = defaultdict(list)
    for row in await _fetch_all(settings, "analytics", "fact", "subject, sequence"):
        found[row["subject"]].append(row["sequence"])
    for subject, version in versions.items():
        if found[subject] != list(range(1, version + 1)):
            verdict.lost.append(f"facts: {subject} has {found[subject]}, the row is at {version}")


async def _judge_parked(settings: Settings, verdict: Verdict) -> None:
    for service in [manifest.name for manifest in discover()]:
        rows = await _fetch(settings, service, "SELECT subject, sequence, reason, error FROM parked")
        verdict.lost += [f"{service}: {r['subject']}@{r['sequence']} is parked ({r['reason']} {r['error']})" for r in rows]


async def _fetch(settings: Settings, service: str, query: str) -> list[Any]:
    """Rows of a table that the kit alone reaches."""
    connection = await asyncpg.connect(plain_url(settings.owner_database(service)))
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def _fetch_all(settings: Settings, service: str, table: str, order: str) -> list[Any]:
    """Every row of a table, past its tenants: the judge alone may look there, as its owner, in a transaction that is undone."""
    connection = await asyncpg.connect(plain_url(settings.owner_database(service)))
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        rows = list(await connection.fetch(f"SELECT * FROM {table} ORDER BY {order}"))
        await transaction.rollback()
        return rows
    finally:
        await connection.close()
