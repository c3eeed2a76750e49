"""What the tables of a service say of how it does, for `mitra doctor` and the metrics: one statement each, on no write's way."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.relay import LOCK_SPACE

MOST_COUNTED = 100_000

OUTBOX = text("""
SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT :most) AS counted) AS waiting,
       (SELECT (event::json ->> 'recordedtime')::timestamptz FROM outbox ORDER BY id LIMIT 1) AS since
""")
RELAYS = text("""
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND classid = :space AND objid = 1 AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")
PARKED = text("""
SELECT reason, count(DISTINCT (tenant_id, subject)) AS subjects, extract(epoch FROM now() - min(parked_at))::float AS age_seconds
FROM parked WHERE consumer = :consumer GROUP BY reason
""")
JOBS = text("""
SELECT count(*) FILTER (WHERE status = 'queued') AS due, min(run_at) FILTER (WHERE status = 'queued') AS since,
       count(*) FILTER (WHERE status = 'running') AS running
FROM job WHERE status IN ('queued', 'running') AND run_at <= :at
""")

STRANGERS = text("""
SELECT (result ->> 'contacts')::int FROM job
WHERE tenant_id = '00000000-0000-0000-0000-000000000000' AND kind = 'count_strangers' AND key = 'schedule'
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits (an outbox is counted up to MOST_COUNTED), and for how long the first of it has."""

    count: int
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs whose time has come and that nobody has begun, and those that are being done."""

    due: Waiting
    running: int


async def outbox_of(connection: AsyncConnection, *, at: datetime) -> Waiting:
    """What is written and not yet on the bus."""
    row = (await connection.execute(OUTBOX, {"most": MOST_COUNTED})).one()
    return Waiting(row.waiting, _age(row.since, at))


async def relays_of(connection: AsyncConnection) -> int:
    """How many relays move the outbox of this database: one, or none."""
    return int((await connection.execute(RELAYS, {"space": LOCK_SPACE})).scalar_one())


async def parked_of(connection: AsyncConnection, consumer: str) -> dict[str, Waiting]:
    """The subjects that wait for a missing event (`gap`) and for a release (`failed`)."""
    rows = await connection.execute(PARKED, {"consumer": consumer})
    found = {row.reason: Waiting(row.subjects, row.age_seconds) for row in rows}
    return {reason: found.get(reason, Waiting(0, 0.0)) for reason in ("gap", "failed")}


async def jobs_of(connection: AsyncConnection, *, at: datetime) -> Jobs:
    """The jobs of this database whose time has come."""
    row = (await connection.execute(JOBS, {"at": at})).one()
    return Jobs(Waiting(row.due, _age(row.since, at)), row.running)


async def strangers_of(connection: AsyncConnection) -> int | None:
    """How many contacts the service's records named that it had never heard of, when it counted last; None where it never did."""
    found: int | None = await connection.scalar(STRANGERS)
    return found


def _age(since: datetime | None, at: datetime) -> float:
    return max(0.0, (at - since).total_seconds()) if since is not None else 0.0
