"""Makes the two roles and the databases of Mitra on any PostgreSQL (17 or newer) that it is given a superuser's address of."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import asyncpg
from sqlalchemy import make_url

from services.settings import Settings

SUPERUSER: Final = "postgres"
OWNER: Final = "mitra_owner"
APP: Final = "mitra_app"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

# LC_CTYPE is named too: pg_trgm asks the C library what a letter is, and under "C" it drops every letter beyond ASCII.
_CREATE_DATABASE = """
CREATE DATABASE {name} OWNER mitra_owner TEMPLATE {template} ENCODING 'UTF8'
    LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'
"""

_GRANT_ON_DATABASE = """
ALTER DATABASE {name} SET timezone TO 'UTC';
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE {name} TO mitra_app;
"""

_GRANT_IN_DATABASE = """
GRANT USAGE ON SCHEMA public TO mitra_app;
ALTER DEFAULT PRIVILEGES FOR ROLE mitra_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO mitra_app;
ALTER DEFAULT PRIVILEGES FOR ROLE mitra_owner IN SCHEMA public GRANT SELECT, USAGE ON SEQUENCES TO mitra_app;
"""


async def provision(admin: str, settings: Settings, services: Iterable[str]) -> None:
    """Make the roles and the databases of `services` as the addresses in `settings` name them, where they are missing.

    `admin` is a superuser's asyncpg address.
    """
    urls = {OWNER: make_url(settings.owner_database_url), APP: make_url(settings.database_url)}
    await create_roles(admin, {role: url.password or "" for role, url in urls.items()})
    for service in services:
        await create_database(admin, make_url(settings.owner_database(service)).database or "")


async def create_roles(admin: str, passwords: Mapping[str, str]) -> None:
    """Make `mitra_owner` and `mitra_app`, or bring those that exist to the attributes and passwords demanded.

    `admin` is a superuser's asyncpg address; `passwords` holds one for each of the two roles. Neither role can pass row-level
    security by, not even the owner of the tables. Commits by itself.
    """
    connection = await asyncpg.connect(admin)
    try:
        for role in (OWNER, APP):
            if not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", role):
                await connection.execute(f"CREATE ROLE {role}")
            alter = "ALTER ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD %L"
            await connection.execute(await connection.fetchval("SELECT format($1, $2::text, $3::text)", alter, role, passwords[role]))
    finally:
        await connection.close()


async def create_database(admin: str, name: str, *, template: str = "template0") -> None:
    """Make the database `name` of `mitra_owner`, open to `mitra_app`; where it exists, only see to the privileges.

    `template` may name a migrated database that nobody is connected to: its tables, rows and privileges are copied.
    Raises ValueError for a name that is not lower-case letters, digits and underscores. Commits by itself.
    """
    for each in (name, template):
        if not _NAME.fullmatch(each):
            raise ValueError(f"not a database name: {each!r}")
    connection = await asyncpg.connect(admin)
    try:
        if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
            await connection.execute(_CREATE_DATABASE.format(name=name, template=template))
        await connection.execute(_GRANT_ON_DATABASE.format(name=name))
    finally:
        await connection.close()
    inside = await asyncpg.connect(admin, database=name)
    try:
        await inside.execute(_GRANT_IN_DATABASE)
    finally:
        await inside.close()
