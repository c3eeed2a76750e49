"""Statements that are kept: the driver alone does what SQLAlchemy would, for the same tenant, and leaves no transaction behind."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from demo_svc.things import operations
from demo_svc.things.models import Thing, ThingTally
from demo_svc.things.schemas import ThingCreate
from sqlalchemy import ARRAY, Select, bindparam, cast, func, insert, literal, select
from sqlalchemy.exc import DBAPIError

from services.database import Base
from services.errors import Invalid, Unavailable
from services.identifiers import new_id
from services.kept_statements import KeptInsert, KeptSelect
from services.problems import refusal_from_database
from tests.harness import Mitra
from tests.kit.conftest import Kill

ALL = KeptSelect(select(Thing.__table__).order_by(Thing.__table__.c.id))
TALLY = KeptInsert(insert(ThingTally.__table__), "thing_id", "tenant_id", "sequences")  # type: ignore[arg-type]
TALLIES = KeptSelect(select(ThingTally.thing_id, ThingTally.sequences))
PIDS = KeptSelect(select(func.pg_backend_pid(), func.now()))
OIDS = {float: 701, Decimal: 1700}
"""The types of PostgreSQL that are read as numbers with a point."""

IN_TRANSACTION = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND application_name = $1"


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


async def create(mitra: Mitra, tenant_id: UUID, *labels: str) -> None:
    async with mitra.session("demo", tenant_id) as session:
        await operations.create_things(session, [ThingCreate(label=label) for label in labels])
        await session.commit()


async def test_the_driver_alone_reads_what_sqlalchemy_reads(mitra: Mitra, tenant_id: UUID) -> None:
    await create(mitra, tenant_id, "lamp", "chair")
    async with mitra.session("demo", tenant_id) as session:
        alone = [tuple(row) for row in await ALL.rows(session, {})]
        assert not session.in_transaction()
        by_sqlalchemy = [tuple(row) for row in await session.execute(select(Thing.__table__).order_by(Thing.id))]
        within = [tuple(row) for row in await ALL.rows(session, {})]
    assert len(alone) == 2
    assert alone == by_sqlalchemy == within
    assert ALL.columns == tuple(Thing.__table__.columns.keys())


async def test_what_a_statement_holds_and_what_it_is_given_are_bound(mitra: Mitra, tenant_id: UUID) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    kept = KeptSelect(select(literal("held"), literal(at), bindparam("id", type_=Thing.id.type), bindparam("id", type_=Thing.id.type)))
    async with mitra.session("demo", tenant_id) as session:
        assert [tuple(row) for row in await kept.rows(session, {"id": tenant_id, "else": 1})] == [("held", at, tenant_id, tenant_id)]
        with pytest.raises(KeyError, match="id"):
            await kept.rows(session, {})


async def test_a_session_sees_the_rows_of_its_tenant_alone_and_what_it_has_written_itself(mitra: Mitra, tenant_id: UUID) -> None:
    await create(mitra, await mitra.new_tenant(), "theirs")
    async with mitra.session("demo", tenant_id) as session:
        assert await ALL.rows(session, {}) == []
        await operations.create_things(session, [ThingCreate(label="lamp")])
        assert [row[ALL.columns.index("label")] for row in await ALL.rows(session, {})] == ["lamp"]
    async with mitra.databases["demo"].session() as session:
        assert await ALL.rows(session, {}) == []


async def test_a_connection_that_the_server_has_ended_is_replaced_before_anybody_reads(
    mitra: Mitra, tenant_id: UUID, kill_backends: Kill
) -> None:
    async with mitra.session("demo", tenant_id) as session:
        ((before, _),) = await PIDS.rows(session, {})
        known = await mitra.databases["demo"].engine.raw_connection()
        driver = known.driver_connection
        assert driver is not None
        known.close()
        assert await kill_backends("mitra demo")
        async with asyncio.timeout(10):
            while not driver.is_closed():
                await asyncio.sleep(0)
        ((after, _),) = await PIDS.rows(session, {})
    assert after != before


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [(select(1 / bindparam("zero", 0)), Invalid), (select(func.pg_terminate_backend(func.pg_backend_pid())), Unavailable)],
)
async def test_what_goes_wrong_while_reading_is_told_as_ever(
    mitra: Mitra, tenant_id: UUID, statement: Select[Any], refusal: type[Exception]
) -> None:
    async with mitra.session("demo", tenant_id) as session:
        with pytest.raises(DBAPIError) as raised:
            await KeptSelect(statement).rows(session, {})
        assert isinstance(refusal_from_database(raised.value), refusal)
        assert await ALL.rows(session, {}) == []


async def test_a_read_that_is_broken_off_leaves_no_transaction_to_the_next(mitra: Mitra, tenant_id: UUID) -> None:
    asleep = KeptSelect(select(func.length(cast(func.pg_sleep(60), Thing.label.type))))
    async with mitra.session("demo", tenant_id) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asleep.rows(session, {})
        assert await ALL.rows(session, {}) == []
    assert await mitra.owners["demo"].fetchval(IN_TRANSACTION, "mitra demo") == 0


async def test_a_server_that_is_away_is_told_as_one(mitra: Mitra, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_arguments: Any, **_options: Any) -> None:
        raise ConnectionRefusedError

    await mitra.databases["demo"].engine.dispose()
    monkeypatch.setattr(asyncpg, "connect", refuse)
    async with mitra.session("demo", tenant_id) as session:
        with pytest.raises(DBAPIError) as raised:
            await ALL.rows(session, {})
    assert isinstance(refusal_from_database(raised.value), Unavailable)


async def test_a_select_whose_text_depends_on_its_values_is_refused(mitra: Mitra, tenant_id: UUID) -> None:
    kept = KeptSelect(select(Thing.label).where(Thing.label.in_(bindparam("labels", expanding=True))))
    async with mitra.session("demo", tenant_id) as session:
        with pytest.raises(TypeError, match="depends on its values"):
            await kept.rows(session, {"labels": ["a"]})


@pytest.mark.parametrize("has_begun", [False, True])
@pytest.mark.parametrize("count", [1, 3])
async def test_rows_are_written_in_the_transaction_of_the_session_and_go_with_it(
    mitra: Mitra, tenant_id: UUID, *, has_begun: bool, count: int
) -> None:
    rows = [{"thing_id": new_id(), "tenant_id": tenant_id, "sequences": [str(place)]} for place in range(count)]
    for ending in ("rollback", "commit"):
        async with mitra.session("demo", tenant_id) as session:
            if has_begun:
                await session.execute(select(literal(1)))
            await TALLY.write(session, rows)
            assert len(await TALLIES.rows(session, {})) == count
            await getattr(session, ending)()
            found = {row[0]: row[1] for row in await TALLIES.rows(session, {})}
        assert found == ({row["thing_id"]: row["sequences"] for row in rows} if ending == "commit" else {})


async def test_a_row_that_cannot_be_written_undoes_its_savepoint_alone(mitra: Mitra, tenant_id: UUID) -> None:
    row = {"thing_id": new_id(), "tenant_id": tenant_id, "sequences": []}
    async with mitra.session("demo", tenant_id) as session:
        await session.execute(select(literal(1)))
        await TALLY.write(session, [row])
        for wrong in (row, row | {"thing_id": new_id(), "tenant_id": new_id()}):
            with pytest.raises(DBAPIError, match=r"uq_thing_tally|pk_thing_tally|row-level security"):
                async with session.begin_nested():
                    await TALLY.write(session, [wrong])
        await session.commit()
        assert [found[0] for found in await TALLIES.rows(session, {})] == [row["thing_id"]]


@pytest.mark.parametrize("how", ["cut", "broken off"])
async def test_a_transaction_whose_connection_goes_while_it_writes_is_lost_as_a_whole(
    mitra: Mitra, tenant_id: UUID, kill_backends: Kill, how: str
) -> None:
    rows = [{"thing_id": new_id(), "tenant_id": tenant_id, "sequences": []} for _ in range(2)]
    async with mitra.session("demo", tenant_id) as session:
        await session.execute(select(literal(1)))
        await TALLY.write(session, rows[:1])
        if how == "cut":
            assert await kill_backends("mitra demo")
            with pytest.raises(DBAPIError) as raised:
                await TALLY.write(session, rows[1:])
            assert isinstance(refusal_from_database(raised.value), Unavailable)
        else:
            async with mitra.session("demo", tenant_id) as other:
                await other.execute(select(literal(1)))
                await TALLY.write(other, rows[1:])
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await TALLY.write(session, rows[1:])
        await session.close()
        assert await TALLIES.rows(session, {}) == []
    assert await mitra.owners["demo"].fetchval(IN_TRANSACTION, "mitra demo") == 0


def test_no_column_of_any_table_is_made_anew_by_sqlalchemy(mitra: Mitra) -> None:
    """So what the driver reads is what SQLAlchemy would give; an array it would copy."""
    dialect = mitra.databases["demo"].engine.dialect
    made, columns = set(), [column for table in Base.metadata.tables.values() for column in table.columns]
    for column in columns:
        kind = column.type.item_type if isinstance(column.type, ARRAY) else column.type
        if kind.dialect_impl(dialect).result_processor(dialect, OIDS.get(kind.python_type)) is not None:
            made.add(str(column))
    assert len(columns) > 500
    assert made == set()
