"""Migrations: from nothing to the newest revision and back, and no difference between tables in Python and in the database."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy as sa
from alembic import command
from demo_svc.manifest import manifest as demo

from services import migrating, provisioning
from services.database import Base
from services.embedded import Server
from services.manifests import Manifest, consumed_topics, discover
from services.migrating import BUS, KIT, History, history_of
from services.settings import Settings
from tests.harness import Mitra

OURS = [*discover(), demo]


@pytest.fixture
async def empty(server: Server, settings: Settings) -> AsyncIterator[Settings]:
    """Settings on databases in which nothing was ever made: `fresh_bus`, and `fresh_<service>` when asked for."""
    admin = server.dsn(provisioning.SUPERUSER, "postgres")
    names = [f"fresh_{name}" for name in ("bus", *(manifest.name for manifest in OURS))]
    for name in names:
        await provisioning.create_database(admin, name)
    yield settings.model_copy(
        update={
            "database_url": server.url(provisioning.APP, "fresh_{service}"),
            "owner_database_url": server.url(provisioning.OWNER, "fresh_{service}"),
            "bus_url": server.url(provisioning.APP, "fresh_bus"),
        }
    )
    connection = await asyncpg.connect(admin)
    for name in names:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def tables(server: Server, database: str) -> set[str]:
    connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, database))
    rows = await connection.fetch("SELECT relname FROM pg_class WHERE relkind <> 'i' AND relnamespace = 'public'::regnamespace")
    await connection.close()
    return {row["relname"] for row in rows}


def _downgrade(connection: sa.Connection, history: History) -> None:
    command.downgrade(migrating._config(connection, history), "base")


@pytest.mark.parametrize("manifest", OURS, ids=lambda manifest: manifest.name)
async def test_the_tables_of_a_service_do_not_drift_from_its_database(mitra: Mitra, manifest: Manifest) -> None:
    assert await migrating.drift(mitra.settings.owner_database(manifest.name), history_of(manifest)) == []
    assert await migrating.drift(mitra.settings.owner_database(manifest.name), KIT) == []


async def test_a_planted_difference_is_found(mitra: Mitra) -> None:
    table = sa.Table("planted", Base.metadata, sa.Column("id", sa.Uuid, primary_key=True), info={"package": "demo_svc"})
    try:
        (found,) = await migrating.drift(mitra.settings.owner_database("demo"), history_of(demo))
    finally:
        Base.metadata.remove(table)
    assert (found[0], found[1].name) == ("add_table", "planted")


async def test_every_database_comes_from_nothing_to_its_newest_revision_and_back(empty: Settings, server: Server) -> None:
    await migrating.migrate(empty, OURS)
    before = {manifest.name: await tables(server, f"fresh_{manifest.name}") for manifest in OURS}
    assert {"thing", "thing_tally", "outbox", "kit_version", "demo_version"} <= before["demo"]
    await migrating.migrate(empty, OURS)
    for manifest in OURS:
        assert await migrating.drift(empty.owner_database(manifest.name), history_of(manifest)) == []
        await migrating._run(empty.owner_database(manifest.name), [history_of(manifest), KIT], _downgrade)
        assert await tables(server, f"fresh_{manifest.name}") == {"kit_version", f"{manifest.name}_version"}
    await migrating._run(empty.owner_database("bus"), [BUS], _downgrade)
    assert await tables(server, "fresh_bus") == {"bus_version"}
    await migrating.migrate(empty, OURS)
    assert {manifest.name: await tables(server, f"fresh_{manifest.name}") for manifest in OURS} == before


async def test_migrating_makes_the_topics_that_are_written_and_read_each_with_its_dead_letters(mitra: Mitra, server: Server) -> None:
    connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "mitra_bus"))
    topics = {row["topic"] for row in await connection.fetch("SELECT topic FROM bus_head")}
    await connection.close()
    wanted = {topic for manifest in mitra.manifests for topic in (*manifest.topics, *consumed_topics(manifest, mitra.manifests))}
    assert "crm.demo" in wanted
    assert wanted | {f"{topic}.dead" for topic in wanted} <= topics


@pytest.mark.parametrize("manifest", OURS, ids=lambda manifest: manifest.name)
def test_a_history_is_one_line(manifest: Manifest) -> None:
    for history in (history_of(manifest), KIT, BUS):
        texts = [path.read_text() for path in sorted(history.versions.glob("*.py"))]
        assert texts
        assert sum("down_revision = None" in text for text in texts) == 1
