"""The worker process: relay, consumer and jobs of one or more services in one event loop."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from services import failpoints, memory, metrics, readings, tracing
from services.bus import Bus
from services.bus.opening import open_bus
from services.cancellation import let_go_if_cancelled, until_told
from services.clock import Clock, utc_now
from services.consumer import Consumer, topics_of
from services.database import Database
from services.health import answering
from services.job_runner import JobRunner
from services.manifests import Manifest, consumed_topics, discover, fail_points_of, process_name
from services.relay import Relay
from services.settings import Settings, plain_url
from services.watchdog import watch

IDLE_SECONDS = 15.0


class Worker:
    """The moving parts of one service: what it publishes, what it reads, what it does later."""

    def __init__(self, manifest: Manifest, settings: Settings, bus: Bus, *, clock: Clock = utc_now) -> None:
        self.name = manifest.name
        self.clock = clock
        self.database = Database(settings.database(manifest.name), pool_size=5, application_name=f"mitra work {manifest.name}")
        self.relay = Relay(plain_url(settings.database(manifest.name)), bus, service=manifest.name)
        topics = consumed_topics(manifest, discover(settings.services_path))
        self.consumer = Consumer(manifest.name, self.database, bus, topics=topics, handlers=manifest.handlers, clock=clock)
        self.jobs = JobRunner(manifest, self.database, settings, clock=clock)
        self._consumes = bool(topics)

    async def run(self) -> None:
        """Move, apply and carry out until cancelled."""
        await self.database.check_role()
        async with asyncio.TaskGroup() as group:
            group.create_task(until_told(self.relay.run()))
            group.create_task(until_told(self.jobs.run()))
            if self._consumes:
                group.create_task(until_told(self.consumer.run()))
                group.create_task(until_told(watch(self.consumer)))

    async def close(self) -> None:
        """Leave the bus's partitions to others, and give the connections back."""
        await self.consumer.close()
        await self.jobs.close()
        await self.database.close()

    def idle_parts(self) -> list[str]:
        """The parts that have not come round for a while: they have not begun yet, or what they need does not answer."""
        since = asyncio.get_running_loop().time() - IDLE_SECONDS
        parts = {"relay": self.relay.came_round_at, "consumer": self.consumer.came_round_at if self._consumes else since}
        return [f"{self.name} {part}" for part, at in parts.items() if at < since]


@asynccontextmanager
async def open_workers(manifests: Sequence[Manifest], settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[list[Worker]]:
    """The workers of `manifests` on one connection to the bus, closed at the end. Raises TopicsDiffer."""
    everyone = discover(settings.services_path)
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus(settings.bus_url, member=settings.worker_name))
        await bus.check_topics([topic for manifest in manifests for topic in topics_of(manifest, everyone)])
        workers = [Worker(manifest, settings, bus, clock=clock) for manifest in manifests]
        for worker in workers:
            stack.push_async_callback(worker.close)
        yield workers


async def work(manifests: Sequence[Manifest], settings: Settings, *, host: str = "", port: int | None = None) -> None:
    """Run the workers of `manifests` until cancelled or told to stop; with a `port`, say there how they do.

    Ctrl-C reaches a worker twice, as SIGINT from the terminal and as SIGTERM from `mitra up`: the second must not break off the
    clean-up that the first began.
    """
    failpoints.arm(settings.fail_points, seed=settings.fail_seed, known=fail_points_of(manifests))
    tracing.start(f"mitra-work-{process_name(manifests)}")
    memory.set_apart_what_is_loaded()
    async with AsyncExitStack() as stack:
        stack.callback(tracing.stop)
        workers = await stack.enter_async_context(open_workers(manifests, settings))
        if port is not None:
            await stack.enter_async_context(answering(host, port, lambda: _idle_parts(workers), lambda: _page(workers)))
        working = asyncio.create_task(_run(workers))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, lambda: working.cancelling() or working.cancel())
        with contextlib.suppress(asyncio.CancelledError):
            await working
        let_go_if_cancelled()


def _idle_parts(workers: Sequence[Worker]) -> list[str]:
    return [part for worker in workers for part in worker.idle_parts()]


async def _page(workers: Sequence[Worker]) -> bytes:
    return metrics.page_of(await readings.of_workers(workers))


async def _run(workers: Sequence[Worker]) -> None:
    async with asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())
