"""An empty database for the filters, on the server of the run."""

import pytest

from services import provisioning
from services.embedded import Server


@pytest.fixture(scope="session")
async def filters_database_url(server: Server) -> str:
    """The address, for SQLAlchemy's async engine, of a database whose tables the tests make themselves."""
    await provisioning.create_database(server.dsn(provisioning.SUPERUSER, "postgres"), "mitra_filters")
    return server.url(provisioning.OWNER, "mitra_filters")
