"""What the processes of Mitra tell as metrics: a web process of its applications, a worker process of its workers."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fastapi import FastAPI
from sqlalchemy.pool import QueuePool

from services import metrics, vitals
from services.cancellation import let_go_if_cancelled
from services.database import Database
from services.metrics import Sample

if TYPE_CHECKING:
    from services.worker import Worker

LONGEST_SECONDS = 5.0


def of_application(app: FastAPI) -> list[Sample]:
    """The requests of a service's application."""
    name = app.state.manifest.name
    return [Sample(metrics.REQUESTS, app.state.timings), _connections(name, app.state.database)]


async def of_workers(workers: "Sequence[Worker]") -> list[Sample]:
    """What moves in a worker process, and what waits for it in the tables and on the bus, asked at this moment."""
    found = await asyncio.gather(*(_of_worker(worker) for worker in workers))
    return [sample for samples in found for sample in samples]


async def _of_worker(worker: "Worker") -> list[Sample]:
    name, relay, consumer = worker.name, worker.relay, worker.consumer
    samples = [
        _connections(name, worker.database),
        Sample(metrics.PUBLISHED, relay.published, (name,)),
        Sample(metrics.IN_OFFICE, relay.in_office, (name,)),
        Sample(metrics.HELD, relay.held, (name,)),
        Sample(metrics.APPLIED, consumer.applied, (name,)),
        Sample(metrics.REPEATED, consumer.repeats, (name,)),
        Sample(metrics.DEAD, consumer.dead_letters, (name,)),
        Sample(metrics.JOBS, worker.jobs.timings),
    ]
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            asked = [*await _of_tables(worker), *await _of_bus(worker)]
    except Exception:  # of the database or of the bus; it shows in many ways
        let_go_if_cancelled()
        return [*samples, Sample(metrics.UNREADABLE, 1, (name,))]
    return [*samples, *asked, Sample(metrics.UNREADABLE, 0, (name,))]


async def _of_tables(worker: "Worker") -> list[Sample]:
    name, at = worker.name, worker.clock()
    async with worker.database.engine.connect() as connection:
        outbox = await vitals.outbox_of(connection, at=at)
        parked = await vitals.parked_of(connection, name)
        jobs = await vitals.jobs_of(connection, at=at)
        strangers = await vitals.strangers_of(connection)
    return [
        Sample(metrics.OUTBOX_EVENTS, outbox.count, (name,)),
        Sample(metrics.OUTBOX_AGE, outbox.age_seconds, (name,)),
        *(Sample(metrics.PARKED, waiting.count, (name, reason)) for reason, waiting in parked.items()),
        *(Sample(metrics.PARKED_AGE, waiting.age_seconds, (name, reason)) for reason, waiting in parked.items()),
        Sample(metrics.JOBS_DUE, jobs.due.count, (name,)),
        Sample(metrics.JOBS_LATE, jobs.due.age_seconds, (name,)),
        *([Sample(metrics.STRANGERS, strangers, (name,))] if strangers is not None else []),
    ]


async def _of_bus(worker: "Worker") -> Iterable[Sample]:
    positions, waiting = await worker.consumer.progress()
    lag = Counter({topic: 0 for topic, _ in positions})
    for (topic, _), count in waiting.items():
        lag[topic] += count
    behind = Sample(metrics.BEHIND, worker.consumer.behind_seconds(waiting), (worker.name,))
    return [behind, *(Sample(metrics.LAG, count, (worker.name, topic)) for topic, count in lag.items())]


def _connections(name: str, database: Database) -> Sample:
    pool = database.engine.pool
    return Sample(metrics.CONNECTIONS, pool.checkedout() if isinstance(pool, QueuePool) else 0, (name,))
