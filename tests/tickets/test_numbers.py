"""The numbers of tickets: each tenant has its own, nobody waits for another's, and one that was lost is not given again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import asyncpg
import httpx
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from services import migrating, provisioning
from services.embedded import Server
from services.identifiers import new_id
from services.manifests import discover
from services.migrating import KIT, History, history_of
from services.settings import Settings, plain_url
from tests.harness import Mitra
from tests.tickets import make
from tickets_svc.tickets import operations
from tickets_svc.tickets.schemas import TicketCreate

WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND classid = 7130 AND NOT granted AND datname = current_database()
"""
SLOW = TicketCreate(subject_line="It takes its time")
TICKETS = history_of(next(manifest for manifest in discover() if manifest.name == "tickets"))


async def test_numbers_follow_each_other_in_each_tenant_however_many_open_at_once(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    many = {"operations": [{"op": "create", "data": make.ticket()} for _ in range(7)]}
    batches = asyncio.gather(*(make.post(desk, "/v1/tickets/batch", many) for _ in range(5)))
    tickets = await asyncio.gather(*(make.create(desk) for _ in range(95)))
    created = {result["id"] for batch in await batches for result in batch["results"]} | {ticket["id"] for ticket in tickets}
    told = {event.data["state"]["number"]: event.data["state"]["id"] for event in await mitra.outbox("tickets")}
    assert (sorted(told), set(told.values())) == (list(range(1, 131)), created)
    assert {ticket["number"]: ticket["id"] for ticket in tickets}.items() <= told.items()
    other = mitra.client("tickets", mitra.caller(await mitra.new_tenant()))
    assert (await make.create(other))["number"] == 1


async def test_who_opens_a_ticket_does_not_wait_for_one_that_is_being_opened(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID
) -> None:
    await make.create(desk)
    async with mitra.session("tickets", tenant_id) as session:
        slow = await operations.open_ticket(session, SLOW)
        async with asyncio.timeout(10):
            quick = await make.create(desk)
        await session.commit()
    assert (slow.number, quick["number"]) == (2, 3)
    kept = (await desk.get("/v1/tickets")).json()["items"]
    assert sorted(ticket["number"] for ticket in kept) == [1, 2, 3]


async def test_the_number_of_a_ticket_that_was_not_kept_is_not_given_again(mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID) -> None:
    await make.create(desk)
    async with mitra.session("tickets", tenant_id) as session:
        assert (await operations.open_ticket(session, SLOW)).number == 2
        await session.rollback()
    assert (await make.create(desk))["number"] == 3


@pytest.mark.parametrize(("is_kept", "numbers"), [(True, {2, 3, 4, 5}), (False, {1, 2, 3, 4})], ids=["kept", "given up"])
async def test_the_first_tickets_of_a_tenant_wait_for_the_very_first(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, is_kept: bool, numbers: set[int]
) -> None:
    async with mitra.session("tickets", tenant_id) as session:
        assert (await operations.open_ticket(session, SLOW)).number == 1
        asked = [asyncio.create_task(make.create(desk)) for _ in range(4)]
        async with asyncio.timeout(10):
            while await mitra.owners["tickets"].fetchval(WAITING) < len(asked):
                await asyncio.sleep(0.01)
        await (session.commit() if is_kept else session.rollback())
    assert {ticket["number"] for ticket in await asyncio.gather(*asked)} == numbers


async def test_a_number_is_drawn_for_the_tenant_of_the_transaction_alone_and_by_nobody_else(mitra: Mitra, server: Server) -> None:
    serving = await asyncpg.connect(plain_url(mitra.settings.database("tickets")))
    try:
        for tenant in ("", "somebody's"):
            await serving.execute("SELECT set_config('mitra.tenant', $1, false)", tenant)
            with pytest.raises(asyncpg.InvalidTextRepresentationError):
                await serving.fetchval("SELECT next_ticket_number()")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await serving.execute("CREATE SEQUENCE ticket_number_of_ours")
        callers = await serving.fetch(
            "SELECT grantee::regrole::text AS name FROM pg_proc, aclexplode(proacl) WHERE proname = 'next_ticket_number' ORDER BY 1"
        )
    finally:
        await serving.close()
    assert [row["name"] for row in callers] == [provisioning.APP, provisioning.OWNER]


@pytest.fixture
async def before_sequences(server: Server, settings: Settings) -> AsyncIterator[Settings]:
    """A database of tickets at the revision before sequences, where a counter gave the numbers."""
    admin = server.dsn(provisioning.SUPERUSER, "postgres")
    await provisioning.create_database(admin, "numbers_tickets")
    found = settings.model_copy(update={"owner_database_url": server.url(provisioning.OWNER, "numbers_{service}")})
    await migrating._run(found.owner_database("tickets"), [KIT], migrating._upgrade)
    await migrating._run(found.owner_database("tickets"), [TICKETS], _by(command.upgrade, "tickets_0005"))
    yield found
    connection = await asyncpg.connect(admin)
    await connection.execute("DROP DATABASE numbers_tickets WITH (FORCE)")
    await connection.close()


async def test_numbers_go_on_where_the_counter_stood_and_the_counter_where_they_stand(before_sequences: Settings, server: Server) -> None:
    url, tenant_id = before_sequences.owner_database("tickets"), str(new_id())
    owner = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "numbers_tickets"))
    try:
        await owner.execute("INSERT INTO ticket_counter (tenant_id, last_number) VALUES ($1, 41)", tenant_id)
        await migrating._run(url, [TICKETS], migrating._upgrade)
        await owner.execute("SELECT set_config('mitra.tenant', $1, false)", tenant_id)
        assert [await owner.fetchval("SELECT next_ticket_number()") for _ in range(2)] == [42, 43]
        await migrating._run(url, [TICKETS], _by(command.downgrade, "tickets_0005"))
        assert await owner.fetchval("SELECT last_number FROM ticket_counter") == 43
        assert await owner.fetchval("SELECT count(*) FROM pg_sequences WHERE sequencename LIKE 'ticket%'") == 0
    finally:
        await owner.close()


def _by(move: Callable[[Config, str], None], revision: str) -> Callable[[sa.Connection, History], None]:
    """What moves a database up or down to a revision."""
    return lambda connection, history: move(migrating._config(connection, history), revision)
