"""Tenants are apart in the database itself: roles, policies, and what a session without a tenant can do."""

from typing import cast
from uuid import UUID, uuid4

import asyncpg
import pytest
from demo_svc.manifest import manifest as demo
from demo_svc.things.models import Thing
from demo_svc.things.operations import create_things
from demo_svc.things.schemas import ThingCreate
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from services import provisioning
from services.application import create_app
from services.database import Base, Context, Database, RoleBypassesRowSecurity, bind_tenant, context_of
from services.embedded import Server
from services.settings import Settings, plain_url
from services.worker import open_workers
from tests.harness import Mitra

EXEMPT = {"applied", "consumer_offset", "job", "outbox", "parked", "tenant"}
"""The kit's own tables, reached before a tenant is known or across tenants (design.md section 7), and each service's few further ones."""
EXEMPT_OF_SERVICE = {"gateway": {"key"}}
TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner) AS owner,
       ARRAY(SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = c.oid AND polcmd = '*' AND polpermissive) AS policies,
       EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id' AND attnotnull) AS has_tenant
FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relnamespace = 'public'::regnamespace
ORDER BY 1
"""
POLICY = "(tenant_id = (NULLIF(current_setting('mitra.tenant'::text, true), ''::text))::uuid)"


async def unprotected(address: str) -> list[str]:
    """The tables of a database that are not bound to the tenant, for the owner too, by the one policy."""
    connection = await asyncpg.connect(address)
    try:
        rows = await connection.fetch(TABLES)
    finally:
        await connection.close()
    sound = {row["name"] for row in rows if row["enabled"] and row["forced"] and row["has_tenant"] and row["policies"] == [POLICY]}
    assert {row["owner"] for row in rows} == {provisioning.OWNER}
    return sorted(row["name"] for row in rows if row["name"] not in sound and not row["name"].endswith("_version"))


async def test_every_table_of_every_database_is_bound_to_the_tenant_but_the_listed_ones(mitra: Mitra, server: Server) -> None:
    for manifest in mitra.manifests:
        found = await unprotected(server.dsn(provisioning.SUPERUSER, f"mitra_{manifest.name}"))
        allowed = EXEMPT | EXEMPT_OF_SERVICE.get(manifest.name, set())
        marked = {t.name for t in Base.metadata.sorted_tables if t.info["kit_only"] and t.info["package"] in ("services", manifest.package)}
        assert set(found) == allowed == marked, manifest.name
    assert await unprotected(server.dsn(provisioning.SUPERUSER, "mitra_bus")) == ["bus_head", "bus_record"]


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE planted (tenant_id uuid NOT NULL)",
        "CREATE TABLE planted (id uuid)",
        "CREATE TABLE planted (tenant_id uuid NOT NULL); ALTER TABLE planted ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE planted (tenant_id uuid NOT NULL); ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
        "CREATE POLICY tenant ON planted USING (true)",
        "CREATE MATERIALIZED VIEW planted AS SELECT 1 AS one",
    ],
)
async def test_a_planted_open_table_is_found(server: Server, ddl: str) -> None:
    await provisioning.create_database(server.dsn(provisioning.SUPERUSER, "postgres"), "mitra_planted")
    connection = await asyncpg.connect(server.dsn(provisioning.OWNER, "mitra_planted"))
    try:
        await connection.execute("DROP TABLE IF EXISTS planted" if "VIEW" not in ddl else "DROP TABLE planted")
        await connection.execute(ddl)
        assert await unprotected(server.dsn(provisioning.OWNER, "mitra_planted")) == ["planted"]
    finally:
        await connection.close()


async def test_requests_handlers_and_jobs_run_as_a_role_that_is_bound(mitra: Mitra) -> None:
    for name, database in mitra.databases.items():
        for engine in (database.engine, mitra.workers[name].database.engine):
            async with engine.connect() as connection:
                role = (
                    await connection.execute(
                        text(
                            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, "
                            "pg_has_role('mitra_owner', 'MEMBER') FROM pg_roles WHERE rolname = current_user"
                        )
                    )
                ).one()
            assert tuple(role) == (provisioning.APP, False, False, False, False, False, False), name


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS"])
async def test_a_process_does_not_start_with_a_role_that_passes_the_policies_by(
    mitra: Mitra, server: Server, settings: Settings, attribute: str
) -> None:
    role = f"free_{attribute.lower()}"
    connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "postgres"))
    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'free' {attribute} IN ROLE {provisioning.APP}")
    await connection.close()
    secret = server.passwords[provisioning.APP]
    free = settings.model_copy(
        update={"database_url": settings.database_url.replace(f"{provisioning.APP}:{secret}", f"{role}:free"), "services_path": ""}
    )
    app = create_app(demo, free)
    with pytest.raises(RoleBypassesRowSecurity, match=f"the role {role} bypasses row-level security; connect as mitra_app"):
        async with app.router.lifespan_context(app):
            pass
    async with open_workers([demo], free) as (worker,):
        with pytest.raises(RoleBypassesRowSecurity):
            await worker.run()
    await app.state.database.close()


async def test_not_even_the_owner_of_the_tables_sees_a_row_without_its_tenant(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    await mitra.client("demo", mitra.caller(tenant_id)).post("/v1/things", json={"label": "lamp"})
    owner = await asyncpg.connect(plain_url(mitra.settings.owner_database("demo")))
    try:
        assert await owner.fetchval("SELECT count(*) FROM thing") == 0
        await owner.execute("SELECT set_config('mitra.tenant', $1, false)", str(tenant_id))
        assert await owner.fetchval("SELECT count(*) FROM thing") == 1
    finally:
        await owner.close()


async def test_a_session_sees_and_writes_only_rows_of_its_tenant(mitra: Mitra) -> None:
    ours, theirs = await mitra.new_tenant(), await mitra.new_tenant()
    async with mitra.session("demo", theirs) as session:
        (thing,) = await create_things(session, [ThingCreate(label="theirs")])
        await session.commit()
    async with mitra.session("demo", ours) as session:
        assert await session.get(Thing, thing.id) is None
        changed = await session.execute(
            update(Thing).values(label="stolen").returning(Thing.id), execution_options={"synchronize_session": False}
        )
        assert changed.all() == []
        with pytest.raises(DBAPIError, match="row-level security"):
            await session.execute(text("INSERT INTO thing_tally VALUES (gen_random_uuid(), :tenant, '[]')"), {"tenant": theirs})


async def test_a_session_without_a_tenant_sees_nothing_and_may_not_write(mitra: Mitra) -> None:
    tenant_id = await mitra.new_tenant()
    await mitra.client("demo", mitra.caller(tenant_id)).post("/v1/things", json={"label": "lamp"})
    async with mitra.session("demo", None) as session:
        assert (await session.scalars(select(Thing))).all() == []
        with pytest.raises(RuntimeError, match="belongs to no tenant"):
            context_of(session)


async def test_the_tenant_of_a_transaction_does_not_outlive_it(mitra: Mitra) -> None:
    """A pooled connection that served one tenant is bound to nobody afterwards, and to the next one when it is used again."""
    database = Database(mitra.settings.database("demo"), pool_size=1)
    seen = []
    try:
        for tenant_id in (uuid4(), None, uuid4()):
            session = database.session(context_of(mitra.session("demo", tenant_id)) if tenant_id else None)
            async with session:
                for _ in range(2):
                    seen.append((tenant_id, await session.scalar(text("SELECT nullif(current_setting('mitra.tenant', true), '')"))))
                    await session.commit()
    finally:
        await database.close()
    assert [tenant for _, tenant in seen] == [str(tenant_id) if tenant_id else None for tenant_id, _ in seen]


async def test_a_consumers_transaction_goes_from_tenant_to_tenant(mitra: Mitra) -> None:
    tenants = [await mitra.new_tenant() for _ in range(2)]
    for tenant_id in tenants:
        await mitra.client("demo", mitra.caller(tenant_id)).post("/v1/things", json={"label": str(tenant_id)})
    async with mitra.session("demo", tenants[0]) as session:
        labels: list[str] = list(await session.scalars(select(Thing.label)))
        await bind_tenant(session, context_of(mitra.session("demo", tenants[1])))
        labels += await session.scalars(select(Thing.label))
    assert [UUID(label) for label in labels] == tenants


async def test_a_transaction_that_came_to_no_statement_leaves_its_tenant_to_nobody(mitra: Mitra) -> None:
    database = Database(mitra.settings.database("demo"), pool_size=1)
    try:
        async with database.session(context_of(mitra.session("demo", uuid4()))) as session:
            await session.connection()
        async with database.engine.connect() as connection:
            assert await connection.scalar(text("SELECT nullif(current_setting('mitra.tenant', true), '')")) is None
    finally:
        await database.close()


async def test_a_connection_whose_tenant_could_not_be_set_is_not_used_again(mitra: Mitra) -> None:
    """It has begun a transaction that nobody would end. An id can hardly fail to be set, so what is bound here is none."""
    database = Database(mitra.settings.database("demo"), pool_size=1)
    unfit = Context(cast(UUID, "' || (1/0)::text || '"), "system:test", "test")
    try:
        async with database.session(unfit) as session:
            with pytest.raises(DBAPIError, match="division by zero"):
                await session.scalar(text("SELECT 1"))
        tenant_id = uuid4()
        async with database.session(context_of(mitra.session("demo", tenant_id))) as session:
            assert await session.scalar(text("SELECT current_setting('mitra.tenant')")) == str(tenant_id)
    finally:
        await database.close()
