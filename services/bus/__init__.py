"""The event bus: an append-only log of topics and partitions, in PostgreSQL (`postgres.py`) or in Apache Kafka (`kafka.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Place = tuple[str, int]
"""A topic and one of its partitions."""


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way to the bus: its topic, its partition key and its structured CloudEvents JSON."""

    topic: str
    key: str
    event: str


@dataclass(frozen=True, slots=True)
class Received:
    """An event read from the bus, with its place in the log."""

    topic: str
    partition: int
    offset: int
    event: str


class UnknownTopic(LookupError):
    """The topic was never created; `mitra migrate` creates the topics of every manifest."""


class TopicsDiffer(RuntimeError):
    """Topics are missing, or are not made as Mitra needs them; says which and how."""


class Unpublishable(ValueError):
    """The bus will never take this event as it is."""


class BusUnavailable(ConnectionError):
    """The bus did not answer, or refused for now: the same may succeed a moment later."""


class OutOfRange(RuntimeError):
    """A position lies outside of what the log holds. Going on would skip or repeat events unseen, so a consumer stops."""


class Reader(Protocol):
    """A consumer process's part of the log."""

    async def owned(self) -> frozenset[Place]:
        """The partitions that this process reads just now; where processes share the work, they change as processes come and go."""

    async def read(self, positions: Mapping[Place, int], *, limit: int = 500, wait_seconds: float = 1.0) -> list[Received]:
        """As `Bus.read`, of owned partitions. Raises BusUnavailable and OutOfRange."""

    async def close(self) -> None:
        """Leave the partitions to others."""


class Bus(Protocol):
    """What relay, consumer and operators need of a bus. `tests/kit/bus` holds what every implementation promises."""

    usual_partitions: int

    async def start(self) -> None:
        """Connect, and learn the topics."""

    async def close(self) -> None:
        """Give the connections back."""

    async def create_topics(self, topics: Sequence[str], *, partitions: int = 1) -> None:
        """Create what is missing of `topics`; a topic that is there keeps its partitions, and so every key its place."""

    async def check_topics(self, topics: Sequence[str]) -> None:
        """Raises TopicsDiffer unless `topics` are there and made as they must be."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Append `messages` in their order per key; when it returns they are durable.

        Raises UnknownTopic and Unpublishable, and what a lost connection raises; then any part of `messages` may have been appended:
        a caller that is not told repeats, and consumers drop the repeats.
        """

    async def heads(self, topics: Sequence[str]) -> dict[Place, int]:
        """The next offset to be written of each partition of `topics`."""

    async def read(self, positions: Mapping[Place, int], *, limit: int = 500, wait_seconds: float = 1.0) -> list[Received]:
        """Up to `limit` events of one partition from its position on, waiting up to `wait_seconds` for news.

        `positions` names the next offset wanted of each partition. The partition that is furthest behind is read first.
        """

    async def join(self, consumer: str, topics: Sequence[str]) -> Reader:
        """Begin to share the reading of `topics` with the other processes of `consumer`."""
