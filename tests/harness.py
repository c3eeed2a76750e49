"""A whole Mitra for tests: every service of the tree on one embedded PostgreSQL, moved by hand so that a test knows when it is quiet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import httpx
from fastapi import FastAPI
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.application import create_app, deployable_of
from services.database import Context, Database
from services.envelope import Envelope
from services.identifiers import new_id
from services.manifests import Manifest
from services.outbox import Outbox
from services.settings import Settings, plain_url
from services.tenants import Tenant
from services.tokens import Caller, KeyPairs, Minter
from services.worker import Worker, open_workers

USED_TABLES = """
SELECT quote_ident(relname) AS name FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE '%\\_version' AND pg_relation_size(oid) > 0
"""


START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class SettableClock:
    """A clock that a test moves; it ticks a microsecond a look so that instants differ."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def advance(self, **length: float) -> None:
        self.now += timedelta(**length)


@dataclass
class Mitra:
    """The running parts by service name."""

    settings: Settings
    manifests: Sequence[Manifest]
    clock: SettableClock
    apps: dict[str, FastAPI] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    relays: dict[str, "asyncpg.Connection[asyncpg.Record]"] = field(default_factory=dict)
    owners: dict[str, "asyncpg.Connection[asyncpg.Record]"] = field(default_factory=dict)

    async def new_tenant(self, *, time_zone: str = "UTC", currency: str = "USD") -> UUID:
        """A tenant that every service knows already."""
        tenant_id = new_id()
        for database in self.databases.values():
            async with database.session() as session:
                await session.execute(insert(Tenant).values(id=tenant_id, time_zone=time_zone, currency=currency))
                await session.commit()
        return tenant_id

    def caller(self, tenant_id: UUID, *, scopes: Sequence[str] = ("*",), user_id: UUID | None = None) -> Caller:
        """A caller as the gateway vouches for one."""
        user_id = user_id or new_id()
        return Caller(tenant_id, f"user:{user_id}", user_id, frozenset(scopes))

    def client(self, service: str, caller: Caller, *, issuer: str = "gateway") -> httpx.AsyncClient:
        """A client of a service with an internal token of `caller`, signed by `issuer` (a deployable)."""
        manifest = next(m for m in self.manifests if m.name == service)
        token = Minter(KeyPairs.load(self.settings.keys_folder, issuer), clock=self.clock).mint(caller, deployable_of(manifest))
        transport = httpx.ASGITransport(app=self.apps[service], raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://mitra", headers={"Authorization": f"Bearer {token}"})

    def session(self, service: str, tenant_id: UUID | None) -> AsyncSession:
        """A session of a service's database as mitra_app, bound to a tenant."""
        context = Context(tenant_id, "system:test", "test") if tenant_id else None
        session = self.databases[service].session(context)
        session.info["clock"] = self.clock
        return session

    async def outbox(self, service: str) -> list[Envelope]:
        """The events that a service has written and its relay has not moved, in order."""
        async with self.databases[service].session() as session:
            rows = await session.scalars(select(Outbox.event).order_by(Outbox.id))
            return [Envelope.from_json(row) for row in rows]

    async def drain(self, *, jobs: bool = True) -> None:
        """Relay, consume and carry out until nothing moves any more."""
        moved = True
        while moved:
            moved = False
            for name, worker in self.workers.items():
                moved |= bool(await worker.relay.move(self.relays[name]))
            for worker in self.workers.values():
                moved |= bool(await worker.consumer.step(wait_seconds=0.0))
            if jobs:
                for name, worker in self.workers.items():
                    async with self.databases[name].engine.connect() as connection:
                        moved |= await worker.jobs.step(connection)

    async def empty(self) -> None:
        """Forget every row of every database, and begin the day again."""
        self.clock.now = START
        await asyncio.gather(*map(_empty, self.owners.values()))
        for worker in self.workers.values():
            worker.consumer.forget_positions()


async def _empty(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Truncate the tables that hold anything (to truncate an empty one costs as much), and begin the log again."""
    used = [row["name"] for row in await owner.fetch(USED_TABLES)]
    if "bus_head" in used:
        used.remove("bus_head")
        await owner.execute("UPDATE bus_head SET next_offset = 0 WHERE next_offset > 0")
    if used:
        await owner.execute(f"TRUNCATE {', '.join(used)} RESTART IDENTITY")


@asynccontextmanager
async def open_mitra(settings: Settings, manifests: Sequence[Manifest]) -> AsyncIterator[Mitra]:
    """Every service of `manifests` on migrated databases, in this process."""
    mitra = Mitra(settings, manifests, SettableClock())
    async with AsyncExitStack() as stack:
        for name in ("bus", *(manifest.name for manifest in manifests)):
            mitra.owners[name] = await asyncpg.connect(plain_url(settings.owner_database(name)))
            stack.push_async_callback(mitra.owners[name].close)
        workers = await stack.enter_async_context(open_workers(manifests, settings, clock=mitra.clock))
        for manifest, worker in zip(manifests, workers, strict=True):
            app = create_app(manifest, settings, clock=mitra.clock)
            await stack.enter_async_context(app.router.lifespan_context(app))
            mitra.apps[manifest.name] = app
            mitra.databases[manifest.name] = app.state.database
            mitra.workers[manifest.name] = worker
            mitra.relays[manifest.name] = await asyncpg.connect(plain_url(settings.database(manifest.name)))
            stack.push_async_callback(mitra.relays[manifest.name].close)
        yield mitra
