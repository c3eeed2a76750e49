"""The worker process: relay, consumer and jobs of one or more services in one event loop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from services import failpoints, memory
from services.bus import Bus
from services.bus.opening import open_bus
from services.clock import Clock, utc_now
from services.consumer import Consumer, topics_of
from services.database import Database
from services.jobs import JobRunner
from services.manifests import Manifest, consumed_topics, discover
from services.relay import Relay
from services.settings import Settings, plain_url


class Worker:
    """The moving parts of one service: what it publishes, what it reads, what it does later."""

    def __init__(self, manifest: Manifest, settings: Settings, bus: Bus, *, clock: Clock = utc_now) -> None:
        self.database = Database(settings.database(manifest.name), pool_size=5, application_name=f"mitra work {manifest.name}")
        self.relay = Relay(plain_url(settings.database(manifest.name)), bus, service=manifest.name)
        topics = consumed_topics(manifest, discover(settings.services_path))
        self.consumer = Consumer(manifest.name, self.database, bus, topics=topics, handlers=manifest.handlers, clock=clock)
        self.jobs = JobRunner(manifest, self.database, settings, clock=clock)
        self._consumes = bool(topics)

    async def close(self) -> None:
        """Leave the bus's partitions to others, and give the connections back."""
        await self.consumer.close()
        await self.database.close()

    async def run(self) -> None:
        """Move, apply and carry out until cancelled."""
        await self.database.check_role()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.relay.run())
            group.create_task(self.jobs.run())
            if self._consumes:
                group.create_task(self.consumer.run())


@asynccontextmanager
async def open_workers(manifests: Sequence[Manifest], settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[list[Worker]]:
    """The workers of `manifests` on one connection to the bus, closed at the end."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus(settings.bus_url))
        await bus.check_topics([topic for manifest in manifests for topic in topics_of(manifest, discover(settings.services_path))])
        workers = [Worker(manifest, settings, bus, clock=clock) for manifest in manifests]
        for worker in workers:
            stack.push_async_callback(worker.close)
        yield workers


async def work(manifests: Sequence[Manifest], settings: Settings) -> None:
    """Run the workers of `manifests` until cancelled."""
    failpoints.arm(settings.fail_points, seed=settings.fail_seed)
    memory.set_apart_what_is_loaded()
    async with open_workers(manifests, settings) as workers, asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(worker.run())
