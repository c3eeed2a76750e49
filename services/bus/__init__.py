"""The event bus: an append-only log of topics and partitions. Embedded it is a pair of PostgreSQL tables (`postgres.py`)."""

from dataclasses import dataclass


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
