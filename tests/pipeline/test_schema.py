"""The tables of pipeline in Python and in the database."""

from services import migrating
from services.manifests import get_manifest
from services.settings import Settings


async def test_the_tables_are_those_of_the_migrations(settings: Settings) -> None:
    assert await migrating.drift(settings.owner_database("pipeline"), migrating.history_of(get_manifest("pipeline"))) == []
