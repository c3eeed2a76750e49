"""All that is stored, as text: what a test looks through for what must not be there."""

import asyncpg

from services import provisioning
from services.embedded import Server


async def stored(server: Server, *services: str) -> dict[str, str]:
    """The whole content of every table of the databases of `services` (`bus` is one), by `service.table`."""
    found = {}
    for service in services:
        connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, f"mitra_{service}"))
        try:
            for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
                table = row["tablename"]
                rows = await connection.fetch(f'SELECT * FROM "{table}"')
                found[f"{service}.{table}"] = "\n".join(_plain(value) for each in rows for value in each.values())
        finally:
            await connection.close()
    return found


def _plain(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
