"""Topics: made by `mitra migrate`, and held against what Mitra needs before a worker begins."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services import migrating
from services.bus import BusUnavailable, TopicsDiffer
from services.bus.kafka import KafkaBus
from services.settings import Settings
from services.worker import open_workers
from tests.harness import Mitra
from tests.kafka.broker import Broker


def on_kafka(mitra: Mitra, url: str) -> Settings:
    return mitra.settings.model_copy(update={"bus_url": url})


async def complaint(bus: KafkaBus, topic: str) -> str:
    try:
        await bus.check_topics([topic])
    except TopicsDiffer as differ:
        return str(differ)
    return ""


async def test_migrate_makes_the_topics_of_every_manifest_and_workers_start_on_them(mitra: Mitra, broker: Broker, bus: KafkaBus) -> None:
    for _ in range(2):
        await migrating.migrate(on_kafka(mitra, broker.url), mitra.manifests)
    topics = sorted(topic for manifest in mitra.manifests for topic in manifest.topics)
    assert "crm.demo" in topics
    heads = await bus.heads([*topics, *(f"{topic}.dead" for topic in topics)])
    assert len(heads) == 2 * 12 * len(topics)
    async with open_workers(mitra.manifests, on_kafka(mitra, broker.url)) as workers:
        assert [worker.name for worker in workers] == [manifest.name for manifest in mitra.manifests]


async def test_a_worker_refuses_topics_that_are_made_otherwise_and_names_the_difference(mitra: Mitra, broker: Broker) -> None:
    await migrating.migrate(on_kafka(mitra, broker.url), mitra.manifests)
    with pytest.raises(TopicsDiffer, match=r"crm\.demo has 12 partitions, not 6; .*crm\.demo\.dead has 12 partitions, not 6"):
        async with open_workers(mitra.manifests, on_kafka(mitra, f"{broker.url}&partitions=6")):
            pass


async def test_a_setting_that_somebody_changed_is_named(bus: KafkaBus, broker: Broker) -> None:
    topic = f"test.{uuid4()}"
    await bus.create_topics([topic], partitions=12)
    await bus.check_topics([topic])
    changed = {"retention.ms": "60000", "min.insync.replicas": "1", "unclean.leader.election.enable": "true"}
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, changed)])
    await admin.close()
    async with asyncio.timeout(10):
        while not (said := await complaint(bus, topic)):
            await asyncio.sleep(0.05)
    assert f"{topic} has retention.ms=60000, not -1" in said
    assert f"{topic} has unclean.leader.election.enable=true, not false" in said


async def test_more_replicas_than_brokers_are_refused_in_words(broker: Broker) -> None:
    bus = KafkaBus(broker.url.replace("replicas=1", "replicas=3"))
    await bus.start()
    try:
        with pytest.raises(TopicsDiffer, match="InvalidReplicationFactor"):
            await bus.create_topics([f"test.{uuid4()}"])
    finally:
        await bus.close()


async def test_a_bus_that_nobody_runs_is_unavailable_not_a_riddle() -> None:
    bus = KafkaBus("kafka://127.0.0.1:1?replicas=1")
    with pytest.raises(BusUnavailable, match="KafkaConnectionError"):
        await bus.start()
    await bus.close()
