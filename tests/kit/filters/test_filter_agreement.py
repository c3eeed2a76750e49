"""The law of the filter language: a filter in SQL lets through exactly the rows that it lets through in Python."""

import sys
import unicodedata
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.filters import Field, compile_predicate, compile_sql, parse_filter
from tests.kit.filters.subjects import BINDINGS, FIELDS, FILTERS, TABLE, all_comparisons, as_stored, make_records

RECORDS = make_records(20260301, count=400)


@pytest.fixture(scope="session")
async def engine(filters_database_url: str) -> AsyncIterator[AsyncEngine]:
    """The database with the table of subjects, filled with the records as the API stores them."""
    made = create_async_engine(filters_database_url)
    async with made.begin() as opened:
        await opened.run_sync(TABLE.metadata.create_all)
        await opened.execute(sa.insert(TABLE), [{name: as_stored(value) for name, value in record.items()} for record in RECORDS])
    yield made
    await made.dispose()


@pytest.fixture(scope="session")
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as opened:
        yield opened


def rows_in_python(text: str) -> set[int]:
    passes = compile_predicate(parse_filter(text), FIELDS, BINDINGS)
    return {record["row_id"] for record in RECORDS if passes(record)}


async def rows_in_sql(connection: AsyncConnection, text: str) -> set[int]:
    condition = compile_sql(parse_filter(text), FIELDS, BINDINGS)
    return set(await connection.scalars(sa.select(TABLE.c.row_id).where(condition)))


@settings(max_examples=400, database=None)
@given(text=FILTERS)
async def test_a_filter_lets_through_the_same_rows_in_sql_as_in_python(connection: AsyncConnection, text: str) -> None:
    """Law: for every filter f and record r, r is among the rows of `WHERE sql(f)` if and only if predicate(f)(r)."""
    assert await rows_in_sql(connection, text) == rows_in_python(text)


async def test_every_comparison_lets_through_the_same_rows_in_sql_as_in_python(connection: AsyncConnection) -> None:
    texts, step = all_comparisons(), 60
    assert len(texts) > 4000
    for start in range(0, len(texts), step):
        asked = texts[start : start + step]
        assert await answers_in_sql(connection, asked) == [rows_in_python(text) for text in asked]


async def answers_in_sql(connection: AsyncConnection, texts: Sequence[str]) -> list[set[int]]:
    conditions = [compile_sql(parse_filter(text), FIELDS, BINDINGS) for text in texts]
    statement = sa.select(*(sa.func.array_agg(TABLE.c.row_id).filter(condition) for condition in conditions))
    row: Sequence[Any] = (await connection.execute(statement)).one()
    return [set(passed or ()) for passed in row]


async def test_case_is_ignored_alike_for_every_letter_that_both_sides_know(connection: AsyncConnection) -> None:
    letters = [letter for code in range(1, sys.maxunicode) if (letter := chr(code)).lower() != letter or letter.upper() != letter]
    pairs = {(each, other) for letter in letters for each in (letter, letter.lower(), letter.upper()) for other in (letter, letter.lower())}
    known = sorted(pair for pair in pairs if all(unicodedata.is_normalized("NFC", text) for text in pair))
    assert len(known) > 5000
    stored, wanted = zip(*known, strict=True)
    pair = (
        sa.func.unnest(sa.literal(stored, ARRAY(sa.Text)), sa.literal(wanted, ARRAY(sa.Text)))
        .table_valued("stored", "wanted")
        .render_derived()
    )
    has = pair.c.stored.icontains(pair.c.wanted)
    rows = await connection.execute(sa.select(pair.c.stored, pair.c.wanted, has).where(sa.func.unicode_assigned(pair.c.stored)))
    for each, other, answer in rows:
        passes = compile_predicate(parse_filter(f'name : "{other}"'), FIELDS, BINDINGS)
        assert passes({"name": each}) == answer, ascii((each, other))


async def test_a_null_inside_json_counts_as_missing(connection: AsyncConnection) -> None:
    tags = sa.cast(sa.literal("null", sa.Text()), JSONB)
    for text, expected in (("tags = null", True), ("tags != null", False), ('tags : "null"', False), ('NOT tags : "null"', True)):
        tree = parse_filter(text)
        assert compile_predicate(tree, FIELDS, BINDINGS)({"tags": None}) is expected
        condition = compile_sql(tree, {"tags": Field("tags", tags)}, BINDINGS)
        assert bool(await connection.scalar(sa.select(condition))) is expected


@pytest.mark.parametrize(
    "text",
    [
        """name = "' OR '1' = '1" """,
        """name = "'; DROP TABLE subject; --" """,
        """name : "%' OR true --" """,
        """custom.tier = "\\"}' OR true --" """,
        """custom.tier : "\\", null, \\"" """,
        """tags : "x\\"] " """,
        """labels : "}'::text[] OR true --" """,
        """name = "$1 :name %(name)s {name}" """,
    ],
)
async def test_text_that_looks_like_sql_is_only_text(connection: AsyncConnection, text: str) -> None:
    condition = compile_sql(parse_filter(text), FIELDS, BINDINGS)
    assert "OR true" not in str(condition.compile(dialect=connection.dialect))
    assert await rows_in_sql(connection, text) == rows_in_python(text)
    assert await connection.scalar(sa.select(sa.func.count()).select_from(TABLE)) == len(RECORDS)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("amount_minor > 500000", "(amount_minor)"),
        ("small < 3000000000", "(small)"),
        ('name >= "gold"', "(name)"),
        ('status = "open"', "(status)"),
        ("owner_id = me", "(owner_id)"),
        ("created_at >= days_ago(7)", "(created_at)"),
        ('tags : "gold"', "USING gin (tags jsonb_path_ops)"),
        ('labels : "gold"', "USING gin (labels)"),
        ('custom.tier = "gold"', "USING gin (custom jsonb_path_ops)"),
    ],
)
async def test_an_ordinary_index_serves_the_condition(engine: AsyncEngine, text: str, index: str) -> None:
    condition = compile_sql(parse_filter(text), FIELDS, BINDINGS)
    statement = sa.select(TABLE.c.row_id).where(condition).compile(dialect=engine.dialect)
    values = tuple(statement.params[name] for name in statement.positiontup or ())
    async with engine.connect() as trial:
        await trial.execute(sa.text(f"CREATE INDEX ix_trial ON subject {index}"))
        await trial.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join((await trial.exec_driver_sql(f"EXPLAIN {statement}", values)).scalars())
        await trial.rollback()
    assert "on ix_trial" in plan or "using ix_trial" in plan
    assert "Index Cond" in plan


class Tables(orm.DeclarativeBase):
    pass


class Subject(Tables):
    __table__ = TABLE.to_metadata(Tables.metadata)
    name: orm.Mapped[str | None]
    tags: orm.Mapped[list[str] | None]
    labels: orm.Mapped[list[str] | None]
    custom: orm.Mapped[dict[str, Any] | None]


async def test_attributes_of_a_mapped_class_serve_as_columns(connection: AsyncConnection) -> None:
    fields = {
        "name": Field("text", Subject.name),
        "tags": Field("tags", Subject.tags),
        "labels": Field("tags", Subject.labels),
        "custom": Field("custom", Subject.custom),
    }
    for text in ('name : "g"', 'NOT tags : "a"', "tags = null", 'labels : "a"', 'custom.tier = "gold"', 'custom.tier : "g"'):
        condition = compile_sql(parse_filter(text), fields, BINDINGS)
        assert set(await connection.scalars(sa.select(sa.column("row_id")).select_from(Subject).where(condition))) == rows_in_python(text)
