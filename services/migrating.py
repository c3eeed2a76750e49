"""Migrations: one Alembic history for the kit's tables, one for the bus, one per service; one command runs them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import create_async_engine

from services import bus, consumer, external_ids, idempotency, jobs, migrations, outbox, parking, references, tenants
from services.bus.opening import is_kafka, open_bus
from services.consumer import topics_of
from services.database import Base
from services.manifests import Manifest
from services.settings import Settings

KIT_MODULES = (consumer, external_ids, idempotency, jobs, outbox, parking, references, tenants)
SCRIPTS = Path(str(migrations.__path__[0]))


@dataclass(frozen=True)
class History:
    """One line of revisions: where they stand, the table that remembers the last, and the package whose tables they make."""

    versions: Path
    version_table: str
    package: str


KIT = History(SCRIPTS / "versions", "kit_version", "services")
BUS = History(Path(str(bus.__path__[0])) / "migrations" / "versions", "bus_version", "services.bus")


def history_of(manifest: Manifest) -> History:
    """The history of a service's own tables, all of which are known from here on."""
    for path in manifest.migrations.parent.glob("*/models.py"):  # routes, which know them too, are made only where they are served
        import_module(f"{manifest.package}.{path.parent.name}.models")
    return History(manifest.migrations / "versions", f"{manifest.name}_version", manifest.package)


def newest(history: History) -> str | None:
    """The last revision of a history."""
    return ScriptDirectory(str(SCRIPTS), version_locations=[str(history.versions)]).get_current_head()


def protect(table: str) -> None:
    """In a migration: bind a table's rows to the tenant of the transaction, for the owner too."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON {table} USING (tenant_id = nullif(current_setting('mitra.tenant', true), '')::uuid)")


async def migrate(settings: Settings, manifests: Sequence[Manifest]) -> None:
    """Bring every database to its newest revision and create the topics. Needs the databases to exist and the owner's URL."""
    if not is_kafka(settings.bus_url):
        await _run(settings.owner_database("bus"), [BUS], _upgrade)
    for manifest in manifests:
        await _run(settings.owner_database(manifest.name), [KIT, history_of(manifest)], _upgrade)
    topics = {topic for manifest in manifests for topic in topics_of(manifest, manifests)}
    async with open_bus(settings.bus_url) as log:
        await log.create_topics(sorted(topics), partitions=log.usual_partitions)
        await log.check_topics(sorted(topics))


async def revise(settings: Settings, history: History, *, name: str, message: str, autogenerate: bool = True) -> None:
    """Write the next revision of a history from the difference between its tables and its database."""

    def run(connection: sa.Connection, history: History) -> None:
        command.revision(_config(connection, history), message=message, autogenerate=autogenerate, version_path=str(history.versions))

    await _run(settings.owner_database(name), [history], run)


async def drift(url: str, history: History) -> list[Any]:
    """The differences between a migrated database and the tables of a history's package (empty: no drift)."""
    found: list[Any] = []

    def compare(connection: sa.Connection, history: History) -> None:
        context = MigrationContext.configure(
            connection, opts={"include_object": _belongs(history), "compare_type": True, "compare_server_default": True}
        )
        found.extend(compare_metadata(context, Base.metadata))

    await _run(url, [history], compare)
    return found


def _upgrade(connection: sa.Connection, history: History) -> None:
    command.upgrade(_config(connection, history), "head")


async def _run(url: str, histories: Sequence[History], work: Callable[[sa.Connection, History], None]) -> None:
    engine = create_async_engine(url, poolclass=sa.pool.NullPool)
    try:
        for history in histories:
            async with engine.begin() as connection:
                await connection.run_sync(work, history)
    finally:
        await engine.dispose()


def _config(connection: sa.Connection, history: History) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(history.versions))
    config.attributes.update(
        connection=connection, metadata=Base.metadata, version_table=history.version_table, include_object=_belongs(history)
    )
    return config


def _belongs(history: History) -> Callable[..., bool]:
    """Whether a table belongs to a history: ours by its package; a table that only the database knows, by being nobody's."""

    def include(item: Any, name: str | None, kind: str, reflected: bool, _compare_to: Any) -> bool:
        if kind != "table":
            return True
        known = Base.metadata.tables.get(str(name))
        if known is not None:
            return known.info.get("package") == history.package
        return reflected and history.package not in ("services", "services.bus") and not str(name).endswith("_version")

    return include
