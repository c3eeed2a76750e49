"""Keyset paging: pages that stay flat at any depth and that concurrent inserts cannot shift."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Generic, TypeAlias, TypeVar
from uuid import UUID

import orjson
from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Row, Select, func, literal, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import Base
from services.encoding import encode
from services.errors import Invalid, invalid_field
from services.filters import Bindings, FilterError, FilterFields, compile_sql, parse_filter, table_column
from services.row_json import row_writer

Item = TypeVar("Item")
Found: TypeAlias = tuple[Sequence[Row[Any]], str | None, int | None]
"""The rows of a page, the cursor of the next, and how many there are if that was asked."""

ESTIMATE_CAP = 10_000


class ListQuery(BaseModel):
    """What every list takes, in the query or (search) in the body; a parameter that it does not know is an error."""

    model_config = ConfigDict(extra="forbid")
    filter: Annotated[str, Query(max_length=2048, description="See docs/filter-language.md")] = ""
    order_by: Annotated[str | None, Query(max_length=64, description="A field, with '-' before it for descending")] = None
    page_size: Annotated[int, Query(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Query(max_length=1024)] = None
    include_total: bool = False


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None
    total: int | None = None


@dataclass(frozen=True)
class Order:
    """How a list may be ordered: a not-null column and the type of its values."""

    column: Any
    kind: type

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", table_column(self.column))


@cache
def unarchived(noun: type[Base]) -> Select[Any]:
    """The rows of a noun that are not archived, which its list shows.

    It asks for the columns of the table: one attribute of the class, and SQLAlchemy would compile and load it as records.
    """
    table = noun.__table__
    return select(table).where(table.c.archived_at.is_(None))


def filtered(statement: Select[Any], query: ListQuery, fields: FilterFields, *, bindings: Bindings) -> Select[Any]:
    """`statement` narrowed by the query's filter. Raises Invalid that says where the filter is wrong."""
    try:
        tree = parse_filter(query.filter)
        return statement if tree is None else statement.where(compile_sql(tree, fields, bindings))
    except FilterError as error:
        raise invalid_field("#query/filter", "filter", f"{error} (at character {error.position})") from error


async def fetch_page(
    session: AsyncSession, statement: Select[Any], query: ListQuery, *, id_column: Any, orders: Mapping[str, Order], default: str
) -> Found:
    """Run one page of `statement` (a select of the columns of one table): its rows, the cursor of the next page, and the total if asked.

    The cursor holds the last row's order value and id; it is bound to filter and order. The total is counted up to 10,001.
    Raises Invalid for an unknown order or a cursor of another list.
    """
    name = query.order_by or default
    descending, field = name.startswith("-"), name.removeprefix("-")
    if field not in orders:
        raise invalid_field("#query/order_by", "unknown_order", f"Lists here are ordered by {', '.join(sorted(orders))}")
    order, id_column = orders[field], table_column(id_column)
    total = await _capped_total(session, statement) if query.include_total else None
    if query.cursor is not None:
        value, last_id = _read_cursor(query, name, order.kind)
        key = tuple_(order.column, id_column)
        bound = tuple_(literal(value, order.column.type), literal(last_id, id_column.type))
        statement = statement.where(key < bound if descending else key > bound)
    columns: list[ColumnElement[Any]] = [order.column, id_column]
    statement = statement.order_by(*(c.desc() if descending else c.asc() for c in columns)).limit(query.page_size + 1)
    rows = (await session.execute(statement)).all()
    more = len(rows) > query.page_size
    rows = rows[: query.page_size]
    next_cursor = _make_cursor(query, name, getattr(rows[-1], order.column.key), getattr(rows[-1], id_column.key)) if more else None
    return rows, next_cursor, total


def page_of(schema: type[BaseModel], found: Found) -> Response:
    """The answer of a list: what `fetch_page` found, as `Page[schema]` writes it."""
    rows, next_cursor, total = found
    write = row_writer(schema, rows[0]._fields) if rows else dict
    return Response(
        encode({"items": [write(row) for row in rows], "next_cursor": next_cursor, "total": total}), media_type="application/json"
    )


async def _capped_total(session: AsyncSession, statement: Select[Any]) -> int:
    capped = statement.with_only_columns(text("1")).limit(ESTIMATE_CAP + 1).subquery()
    return await session.scalar(select(func.count()).select_from(capped)) or 0


def _binding(query: ListQuery, order: str) -> int:
    return zlib.crc32(f"{order}|{query.filter}".encode())


def _make_cursor(query: ListQuery, order: str, value: Any, last_id: UUID) -> str:
    return base64.urlsafe_b64encode(encode([_binding(query, order), value, last_id])).rstrip(b"=").decode()


def _read_cursor(query: ListQuery, order: str, kind: type) -> tuple[Any, UUID]:
    assert query.cursor is not None
    try:
        padded = query.cursor + "=" * (-len(query.cursor) % 4)
        binding, value, last_id = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if binding != _binding(query, order):
            raise Invalid("This cursor belongs to a list with another filter or order", code="foreign_cursor")
        if kind in (datetime, date):
            value = kind.fromisoformat(value)
        elif kind is UUID:
            value = UUID(value)
        elif type(value) is not kind:
            raise ValueError("another type")
        return value, UUID(last_id)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise invalid_field("#query/cursor", "cursor", "This is not a cursor that we gave out") from error
