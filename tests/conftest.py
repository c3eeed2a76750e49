"""One server, one set of migrated databases and one Mitra for the whole run; every test that uses it starts empty."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from services import embedded, logs, migrating, provisioning, up
from services.application import deployable_of
from services.embedded import Server
from services.manifests import discover
from services.settings import Settings
from services.tokens import make_key_pair
from tests.harness import Mitra, open_mitra
from tests.kafka.broker import Broker, missing_tools, started_broker
from tests.mail_sink import MailSink, mail_sink

logs.configure("error")
# No law is of time, whatever else this machine does; and each example of a law makes a tenant of its own.
UNTIMED = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture]
hypothesis.settings.register_profile("mitra", deadline=None, suppress_health_check=UNTIMED)
hypothesis.settings.load_profile("mitra")
DEMO = Path(__file__).parent / "demo"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-examples", action="store_true", help="record the examples of the OpenAPI document that are missing or stale")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL of this run alone; it may forget on a crash, since no test of this run kills it."""
    folder = Path(tempfile.mkdtemp(prefix="mitra-"))
    with embedded.start(folder, durable=False) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(server: Server) -> Iterator[Settings]:
    """Settings on migrated databases of that server, with a key pair for each service."""
    folder = Path(tempfile.mkdtemp(prefix="mitra-"))
    settings = Settings(**up.addresses_on(server), folder=folder, services_path=str(DEMO))

    async def prepare() -> None:
        for name in ("bus", *(manifest.name for manifest in discover(str(DEMO)))):
            await provisioning.create_database(server.dsn(provisioning.SUPERUSER, "postgres"), f"mitra_{name}")
        await migrating.migrate(settings, discover(str(DEMO)))

    asyncio.run(prepare())
    for manifest in discover(str(DEMO)):
        make_key_pair(settings.keys_folder, deployable_of(manifest))
    make_key_pair(settings.keys_folder, "gateway")
    yield settings
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def running_mitra(settings: Settings) -> AsyncIterator[Mitra]:
    """All services, opened once."""
    async with open_mitra(settings, discover(str(DEMO))) as mitra:
        yield mitra


@pytest.fixture
async def mitra(running_mitra: Mitra) -> Mitra:
    """All services with empty databases."""
    await running_mitra.empty()
    return running_mitra


@pytest.fixture
async def sink(mitra: Mitra) -> AsyncIterator[MailSink]:
    """The mail server of every service of `mitra`."""
    async with mail_sink() as sink:
        mitra.settings.smtp_url = sink.url
        yield sink
        mitra.settings.smtp_url = ""


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A Kafka broker of this run, started by the first test that asks for it. Where Java or Maven is missing, those tests are skipped
    and say so; with CI=true they fail.
    """
    missing = missing_tools()
    if missing:
        said = f"no Kafka in this run: {' and '.join(missing)} missing"
        pytest.fail(said) if os.environ.get("CI") == "true" else pytest.skip(said)
    folder = Path(tempfile.mkdtemp(prefix="mitra-kafka-"))
    try:
        with started_broker(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)
