"""Which bus an address means: `kafka://host:port[,host:port]` is Apache Kafka, everything else the log in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvloop

from services.bus import Bus
from services.bus.postgres import PostgresBus
from services.settings import plain_url

KAFKA = "kafka://"


def is_kafka(url: str) -> bool:
    """Whether `url` means Apache Kafka."""
    return url.startswith(KAFKA)


def bus_at(url: str, *, member: str = "") -> Bus:
    """The bus at `url`, not yet started; `member` is the name of this process among those that share the reading, where it has one.

    Raises ValueError on an address that cannot be read.
    """
    if is_kafka(url):
        from services.bus.kafka import KafkaBus  # the client costs 20 MB and a fifth of a second, for nothing where PostgreSQL is the bus

        return KafkaBus(url, member=member)
    return PostgresBus(plain_url(url))


def loop_factory(url: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """The event loop for a process that lives with the bus at `url` (decision 0020)."""
    return asyncio.new_event_loop if is_kafka(url) else uvloop.new_event_loop


@asynccontextmanager
async def open_bus(url: str, *, member: str = "") -> AsyncIterator[Bus]:
    """The bus at `url`, started, and closed at the end."""
    bus = bus_at(url, member=member)
    try:
        await bus.start()
        yield bus
    finally:
        await bus.close()
