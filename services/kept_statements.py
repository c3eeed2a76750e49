"""Statements that are kept: compiled by SQLAlchemy once in the life of a process, and run by the driver alone from then on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast
from uuid import UUID

import asyncpg
from sqlalchemy import Dialect, Insert, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from services.database import Context, TenantConnection

LOST = asyncpg.InternalClientError
"""Raised while the server's last words are read and the end of the connection is not: it is as good as closed."""

DRIVERS = (asyncpg.PostgresError, asyncpg.InterfaceError, LOST)
"""What the driver raises, of the server and of its own."""

Rows: TypeAlias = Sequence[Any]
"""What was read: of each row the values are taken by their place, whoever has read it."""


class _Text(NamedTuple):
    """A statement as the driver takes it: what it binds, in order and with what makes the driver's value, and its own values."""

    sql: str
    binds: Sequence[tuple[str, Callable[[Any], Any] | None]]
    own_values: Mapping[str, Any]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        full = {**self.own_values, **values}
        return [full[name] if make is None else make(full[name]) for name, make in self.binds]


class _Kept:
    """A statement with its text, which is made when it is first run: only then is it known for which database."""

    def __init__(self, statement: Select[Any] | Insert, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._statement = statement
        self._made: _Text | None = None

    def _text(self, session: AsyncSession) -> _Text:
        if self._made is None:
            self._made = _text_of(self._statement, cast("AsyncEngine", session.bind).dialect, self.columns)
        return self._made


class KeptSelect(_Kept):
    """A select of columns, of which the driver gives what SQLAlchemy would (a test looks at all of them). Kept: making it is dear."""

    def __init__(self, statement: Select[Any]) -> None:
        super().__init__(statement, statement.selected_columns.keys())

    async def rows(self, session: AsyncSession, values: Mapping[str, Any]) -> Rows:
        """The rows, with a value for each of `columns`. Raises DBAPIError, KeyError for a value that is missing.

        They are read in the session's transaction if it has one, and otherwise in one of their own, for the same tenant and without
        SQLAlchemy's session and transaction around it. Either way a statement sees what was committed before it.
        Raises TypeError for a select whose text depends on its values.
        """
        if session.in_transaction():
            return await self.run(session, values)
        text = self._text(session)
        engine = cast("AsyncEngine", session.bind)
        context: Context | None = session.info["context"]
        try:
            return await _read(engine, context.tenant_id if context else None, text.sql, text.arguments(values))
        except engine.dialect.loaded_dbapi.Error as error:  # there was no connection to be had
            raise DBAPIError(text.sql, None, error) from error

    async def run(self, session: AsyncSession, values: Mapping[str, Any]) -> Rows:
        """The same of a select that writes or locks, or goes before what does: always in the session's transaction, which it may begin."""
        text = self._text(session)
        return await _run(session, text.sql, [text.arguments(values)])


class KeptInsert(_Kept):
    """An INSERT of rows, of which the given columns are written; with none given, what the statement binds."""

    def __init__(self, statement: Insert, *columns: str) -> None:
        super().__init__(statement.inline(), columns)  # what the database draws is not asked for

    async def write(self, session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, one at least, in the session's transaction, which it may begin.

        Raises DBAPIError, KeyError for a value that is missing.
        """
        text = self._text(session)
        await _run(session, text.sql, [text.arguments(row) for row in rows])


async def _run(session: AsyncSession, sql: str, arguments: Sequence[Sequence[Any]]) -> Rows:
    """Run a statement, once or (with no rows to answer) for many, by the adapter's cursor on the session's connection."""

    def run(session: Session) -> Rows:
        connection = session.connection()
        cursor = connection.connection.cursor()
        try:
            if len(arguments) == 1:
                cursor.execute(sql, arguments[0])
            else:
                cursor.executemany(sql, arguments)
            return cursor.fetchall()
        except (connection.dialect.loaded_dbapi.Error, LOST) as error:
            is_lost = _is_lost(connection.connection.driver_connection, error)
            if is_lost:
                connection.invalidate()
            raise DBAPIError(sql, None, error, connection_invalidated=is_lost) from error
        except BaseException:  # broken off in the middle of an answer
            connection.invalidate()
            raise

    return await session.run_sync(run)


def _is_lost(driver: Any, error: BaseException) -> bool:
    return driver.is_closed() or isinstance(error, LOST)


def _text_of(statement: Select[Any] | Insert, dialect: Dialect, columns: Sequence[str]) -> _Text:
    keys = columns if isinstance(statement, Insert) and columns else None
    compiled = statement.compile(dialect=dialect, column_keys=keys)
    if compiled.post_compile_params or compiled.literal_execute_params:
        raise TypeError("the text of this statement depends on its values")
    named = {name: bind for bind, name in compiled.bind_names.items()}
    binds = [(name, named[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in compiled.positiontup or ()]
    return _Text(str(compiled), binds, {name: bind.effective_value for name, bind in named.items() if not bind.required})


async def _read(engine: AsyncEngine, tenant_id: UUID | None, sql: str, arguments: Sequence[Any]) -> Rows:
    connection = await engine.raw_connection()
    driver = cast("TenantConnection", connection.driver_connection)
    try:
        rows = await driver.read(tenant_id, sql, arguments)
    except BaseException as error:
        is_lost = _is_lost(driver, error)
        connection.invalidate()  # it is in the middle of a transaction, perhaps of an answer
        if isinstance(error, DRIVERS):
            raise DBAPIError(sql, None, error, connection_invalidated=is_lost) from error
        raise
    connection.close()
    return rows
