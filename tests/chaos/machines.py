"""The database server and the brokers under test, which die as with their machine and come back with what was durable."""

import asyncio
import contextlib
import random
import signal
import time
from pathlib import Path
from typing import Any

import psutil
from aiokafka.admin import AIOKafkaAdminClient

from services import embedded
from tests.kafka.broker import Cluster

TOPIC = "crm.pipeline"
WHOLE_SECONDS = 90.0
DATABASE, LEADER, BROKERS, EVERYTHING = "database", "leader", "all brokers", "everything"


class Machines:
    """One PostgreSQL server, and the brokers where Kafka is the bus."""

    def __init__(self, folder: Path, cluster: Cluster | None, dice: random.Random) -> None:
        self._folder = folder
        self._cluster = cluster
        self._dice = dice
        self.server = embedded.start(folder)

    @property
    def kinds(self) -> list[str]:
        """What can be killed here, each as often as it is worth: the end of a leader is what a cluster is for."""
        if self._cluster is None:
            return [DATABASE, EVERYTHING]
        leaders = [LEADER] * 3 if len(self._cluster.brokers) > 1 else []
        return [DATABASE, EVERYTHING, BROKERS, *leaders]

    def kill_database(self) -> None:
        """Kill the server and every process of it at once."""
        server = psutil.Process(self.server.pid)
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    async def restart_database(self) -> None:
        """Start the server again, at the same address."""
        address = self.server.dsn("postgres", "postgres")
        await asyncio.to_thread(self.server.stop)
        self.server = await asyncio.to_thread(embedded.start, self._folder)
        assert self.server.dsn("postgres", "postgres") == address

    def kill_brokers(self) -> None:
        """Kill all brokers at once."""
        if self._cluster is not None:
            self._cluster.stop(number=signal.SIGKILL)

    async def kill_leader(self) -> None:
        """Kill the broker that leads one of the partitions of orders."""
        assert self._cluster is not None
        partition = self._dice.choice(await self._partitions())
        (leader,) = (broker for broker in self._cluster.brokers if broker.seat.node == partition["leader"])
        await asyncio.to_thread(leader.stop, number=signal.SIGKILL)

    async def restart_brokers(self) -> None:
        """Start the brokers that are dead."""
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.start)

    async def whole(self) -> None:
        """Return when every broker runs and is in sync again, so that the next one may go. Raises TimeoutError."""
        if self._cluster is None:
            return
        await self.restart_brokers()
        deadline = time.monotonic() + WHOLE_SECONDS
        while any(len(each["isr"]) < len(self._cluster.brokers) for each in await self._partitions()):
            if time.monotonic() > deadline:
                raise TimeoutError("a broker that was started again does not catch up")
            await asyncio.sleep(0.2)

    async def _partitions(self) -> list[dict[str, Any]]:
        assert self._cluster is not None
        admin = AIOKafkaAdminClient(bootstrap_servers=",".join(broker.address for broker in self._cluster.brokers))
        await admin.start()
        try:
            (topic,) = await admin.describe_topics([TOPIC])
            return list(topic["partitions"])
        finally:
            await admin.close()

    def stop(self) -> None:
        """End the server in the ordinary way."""
        self.server.stop()
