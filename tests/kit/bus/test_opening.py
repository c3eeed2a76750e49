"""Which bus an address means, and how topics are made there."""

import asyncio

import asyncpg
import pytest
import uvloop

from services.bus import postgres
from services.bus.opening import bus_at, loop_factory
from services.bus.postgres import PostgresBus
from services.bus.topics import Cluster, Topic, differences
from services.settings import Settings, plain_url


def test_the_scheme_of_an_address_decides() -> None:
    assert isinstance(bus_at("postgresql+asyncpg://mitra_app@/mitra_bus?host=/tmp"), PostgresBus)
    assert Cluster.at("kafka://one:9092,two:9092") == Cluster("one:9092,two:9092", partitions=12, replicas=3)
    assert Cluster.at("kafka://one:9092?replicas=1&partitions=4") == Cluster("one:9092", partitions=4, replicas=1)


def test_the_client_of_kafka_never_runs_on_uvloop_where_it_would_die_of_a_broken_connection() -> None:
    assert loop_factory("kafka://one:9092") is asyncio.new_event_loop
    assert loop_factory("postgresql+asyncpg://mitra_app@/mitra_bus?host=/tmp") is uvloop.new_event_loop


@pytest.mark.parametrize(
    "url", ["kafka://", "kafka://one:9092?replica=1", "kafka://one:9092?replicas=none", "kafka://one:9092?replicas=0", "http://one"]
)
def test_an_address_that_cannot_be_read_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a number that is none says so itself
        Cluster.at(url)


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "2"), (3, "2"), (5, "3")])
def test_most_replicas_must_have_a_record_before_it_is_acknowledged(replicas: int, in_sync: str) -> None:
    assert Cluster("one:9092", replicas=replicas).settings["min.insync.replicas"] == in_sync


def test_every_difference_of_a_topic_is_named() -> None:
    cluster = Cluster("one:9092")
    assert list(differences(cluster, "crm.demo", Topic(12, frozenset({3}), cluster.settings))) == []
    assert list(differences(cluster, "crm.demo", None)) == ["crm.demo is missing"]
    made = Topic(6, frozenset({1, 3}), cluster.settings | {"retention.ms": "604800000", "unclean.leader.election.enable": "true"})
    assert list(differences(cluster, "crm.demo", made)) == [
        "crm.demo has 6 partitions, not 12",
        "crm.demo has 1/3 replicas, not 3",
        "crm.demo has retention.ms=604800000, not -1",
        "crm.demo has unclean.leader.election.enable=true, not false",
    ]


async def test_a_log_is_left_even_while_a_connection_to_it_is_held(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "CLOSE_SECONDS", 0.1)
    bus = PostgresBus(plain_url(settings.bus_url))
    await bus.start()
    held = await bus._connected().acquire()
    async with asyncio.timeout(5):
        await bus.close()
    with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
        await held.execute("SELECT 1")
