"""A service's database: sessions that know their tenant, the declarative base of its tables, and the check of its role."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, cast
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import BigInteger, DateTime, MetaData, Table, Text, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, SessionTransaction, mapped_column
from sqlalchemy.orm.decl_api import declared_attr

from services.clock import Clock, utc_now
from services.encoding import encode

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
CONNECT_SECONDS = 10.0
SET_TENANT = text("SELECT set_config('mitra.tenant', :tenant, true)")


class RoleBypassesRowSecurity(RuntimeError):
    """The role that a process connects with is not bound by row-level security, so tenants would not be apart."""


class Base(DeclarativeBase):
    """The one declarative base. A table belongs to the package in which its class stands; `silent` tables publish nothing."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: JSONB,
        str: Text,
        int: BigInteger,
    }
    silent: ClassVar[bool] = False
    kit_only: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "__table__"):
            cast("Table", cls.__table__).info.update(package=cls.__module__.partition(".")[0], silent=cls.silent, kit_only=cls.kit_only)


class Record:
    """The columns of every record. `version` starts at 1 and moves with every change: the ETag and the event's sequence."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(default=1)
    partition_key: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version, "eager_defaults": False}


@dataclass(frozen=True, slots=True)
class Context:
    """On whose behalf a transaction runs: its tenant, who acts, and the chain of causes it belongs to."""

    tenant_id: UUID
    actor: str
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None


class Database:
    """The pool of one service on its own database, as the role `app`."""

    def __init__(self, url: str, *, pool_size: int = 10, application_name: str = "mitra") -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_use_lifo=True,  # the server caches plans for each connection: what is rarely needed stays cold and small
            json_serializer=lambda value: encode(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={"async_creator_fn": _connect, "server_settings": {"application_name": application_name, "jit": "off"}},
        )
        event.listen(self.engine.sync_engine, "connect", _take_json_as_text)
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        event.listen(self.engine.sync_engine, "checkin", _forget_tenant)

    def session(self, context: Context | None = None) -> AsyncSession:
        """A session whose every transaction is bound to the context's tenant; without a context it sees no tenant's rows."""
        session = AsyncSession(self.engine, expire_on_commit=False, autoflush=False)
        session.info["context"] = context
        return session

    async def check_role(self) -> None:
        """Raises RoleBypassesRowSecurity when this pool's role is a superuser or may bypass row-level security."""
        async with self.engine.connect() as connection:
            row = (
                await connection.execute(
                    text("SELECT rolname, rolsuper OR rolbypassrls AS free FROM pg_roles WHERE rolname = current_user")
                )
            ).one()
        if row.free:
            raise RoleBypassesRowSecurity(f"the role {row.rolname} bypasses row-level security; connect as mitra_app")

    async def close(self) -> None:
        """Give every connection back to the server."""
        await self.engine.dispose()


class TenantConnection(asyncpg.Connection):
    """A connection that tells the server of a transaction's tenant in the round trip that begins it."""

    __slots__ = ("next_tenant_id",)
    next_tenant_id: UUID | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.next_tenant_id = None

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - the driver's
        """Run statements; a BEGIN is followed by the tenant that was named for it. Raises as the driver does."""
        tenant_id = self.next_tenant_id
        if tenant_id is None or not query.startswith("BEGIN"):
            return await super().execute(query, *args, timeout=timeout)
        self.next_tenant_id = None
        try:
            return await super().execute(f"{query} SELECT set_config('mitra.tenant', '{tenant_id}', true)", timeout=timeout)
        except asyncpg.PostgresError:
            self.terminate()  # it may have begun a transaction, of which the driver keeps no account
            raise

    async def read(self, tenant_id: UUID | None, query: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        """The rows of a query, in a transaction of its own. Raises as the driver does, and leaves the transaction as it is then."""
        self.next_tenant_id = tenant_id
        await self.execute("BEGIN READ ONLY;")
        rows = await self.fetch(query, *arguments)
        await self.execute("COMMIT;")
        return rows


async def _connect(*arguments: Any, **options: Any) -> TenantConnection:
    """A server that cannot be reached is a database error like any other, with a state that says so."""
    try:
        return await asyncpg.connect(*arguments, timeout=CONNECT_SECONDS, connection_class=TenantConnection, **options)
    except OSError as error:
        raise asyncpg.CannotConnectNowError(f"{type(error).__name__}") from error


def _take_json_as_text(connection: Any, _record: Any) -> None:
    """JSON goes from the driver to its parser and back with no Python between, of which a page of a list has hundreds."""
    connection.run_async(
        lambda driver: driver.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads, format="text")
    )


def context_of(session: AsyncSession) -> Context:
    """The context of a session. Raises RuntimeError where a session without one is asked to write."""
    context = session.info.get("context")
    if not isinstance(context, Context):
        raise RuntimeError("this session has no context: it belongs to no tenant and may not write")
    return context


def now(session: AsyncSession) -> datetime:
    """The present instant by the session's clock."""
    clock: Clock = session.info.get("clock", utc_now)
    return clock()


def birth(session: AsyncSession, record_id: UUID, *, partition_key: str | None = None) -> dict[str, Any]:
    """The bookkeeping columns of a record that is being born; its partition key (default: the record itself) is kept for life."""
    tenant_id = context_of(session).tenant_id
    at = now(session)
    return {
        "id": record_id,
        "tenant_id": tenant_id,
        "version": 1,
        "partition_key": partition_key or f"{tenant_id}:{record_id}",
        "created_at": at,
        "updated_at": at,
        "archived_at": None,
    }


@event.listens_for(Session, "after_begin")
def _name_tenant(session: Session, _transaction: SessionTransaction, connection: Any) -> None:
    """Nothing is sent yet: the driver begins a transaction together with its first statement."""
    context = session.info.get("context")
    connection.connection.driver_connection.next_tenant_id = context.tenant_id if context is not None else None


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """The pool opens another connection in the place of one that the server has ended meanwhile."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has ended it")


def _forget_tenant(connection: Any, _record: Any) -> None:
    """A transaction that came to no statement leaves no tenant to whoever gets the connection next."""
    if connection is not None:
        connection.driver_connection.next_tenant_id = None


async def bind_tenant(session: AsyncSession, context: Context) -> None:
    """Bind the running transaction to another tenant (a consumer goes from tenant to tenant inside one transaction)."""
    session.info["context"] = context
    await session.execute(SET_TENANT, {"tenant": str(context.tenant_id)})
