"""How a topic of Mitra is made in Kafka, and in what a topic that is found differs from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

PARTITIONS = 12
REPLICAS = 3


@dataclass(frozen=True)
class Cluster:
    """The brokers of a `kafka://` address, and how topics are made there."""

    brokers: str
    partitions: int = PARTITIONS
    replicas: int = REPLICAS

    @classmethod
    def at(cls, url: str) -> "Cluster":
        """The cluster at `kafka://host:port[,host:port][?replicas=3&partitions=12]`. Raises ValueError."""
        parts = urlsplit(url)
        options = {name: int(values[-1]) for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        if parts.scheme != "kafka" or not parts.netloc or not options.keys() <= {"partitions", "replicas"} or 0 in options.values():
            raise ValueError("a Kafka address is kafka://host:port[,host:port][?replicas=3&partitions=12]")
        return cls(parts.netloc, **options)

    @property
    def settings(self) -> dict[str, str]:
        """What every topic is told: keep everything for ever, and acknowledge nothing that one broker's end can take away."""
        return {
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "cleanup.policy": "delete",
            "min.insync.replicas": str(self.replicas // 2 + 1),
            "unclean.leader.election.enable": "false",
        }


@dataclass(frozen=True)
class Topic:
    """A topic as it is found."""

    partitions: int
    replicas: frozenset[int]
    settings: Mapping[str, str]


def differences(cluster: Cluster, name: str, found: Topic | None) -> Iterable[str]:
    """What is wrong with a topic, one phrase each."""
    if found is None:
        yield f"{name} is missing"
        return
    if found.partitions != cluster.partitions:
        yield f"{name} has {found.partitions} partitions, not {cluster.partitions}"
    if found.replicas != {cluster.replicas}:
        yield f"{name} has {'/'.join(map(str, sorted(found.replicas)))} replicas, not {cluster.replicas}"
    for setting, wanted in cluster.settings.items():
        if found.settings.get(setting) != wanted:
            yield f"{name} has {setting}={found.settings.get(setting)}, not {wanted}"
