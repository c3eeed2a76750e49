"""Which bus an address means: `kafka://host:port[,host:port]` is Apache Kafka, everything else the log in PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.bus import Bus
from services.bus.postgres import PostgresBus
from services.settings import plain_url

KAFKA = "kafka://"


def is_kafka(url: str) -> bool:
    """Whether `url` means Apache Kafka."""
    return url.startswith(KAFKA)


def bus_at(url: str) -> Bus:
    """The bus at `url`, not yet started. Raises ValueError on an address that cannot be read."""
    if is_kafka(url):
        from services.bus.kafka import KafkaBus  # the client costs 20 MB and a fifth of a second, for nothing where PostgreSQL is the bus

        return KafkaBus(url)
    return PostgresBus(plain_url(url))


@asynccontextmanager
async def open_bus(url: str) -> AsyncIterator[Bus]:
    """The bus at `url`, started, and closed at the end."""
    bus = bus_at(url)
    try:
        await bus.start()
        yield bus
    finally:
        await bus.close()
