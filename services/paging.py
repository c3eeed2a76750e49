"""Keyset paging: pages that stay flat at any depth and that concurrent inserts cannot shift."""

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Generic, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import orjson
from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import Base
from services.encoding import encode
from services.errors import Invalid, invalid_field
from services.filters import Bindings, FilterError, FilterFields, Shape, Term, compile_shape, parse_filter, shape_of, table_column
from services.kept_statements import KeptSelect, Rows
from services.row_json import row_writer

Item = TypeVar("Item")
ValuesOf: TypeAlias = Callable[[Sequence[Term]], dict[str, Any]]

ESTIMATE_CAP = 10_000
MOST_KEPT = 500
"""Statements of pages that are kept: callers make the shapes of filters."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


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


class Found(NamedTuple):
    """The rows of a page and what their values are called, the cursor of the next, and how many there are if that was asked."""

    rows: Rows
    columns: tuple[str, ...]
    next_cursor: str | None
    total: int | None

    def named(self) -> list[dict[str, Any]]:
        """The rows, their values by name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Wanted(NamedTuple):
    """The rows of a list: the statement of its noun, the shape of the filter that narrows it, and what both of them bind."""

    statement: Select[Any]
    shape: Shape | None
    terms: Sequence[Term]
    values: Mapping[str, Any]


@cache
def all_of(noun: type[Base]) -> Select[Any]:
    """The rows of a noun.

    It asks for the columns of the table: one attribute of the class, and SQLAlchemy would compile and load it as records.
    """
    return select(noun.__table__)


@cache
def unarchived(noun: type[Base]) -> Select[Any]:
    """The rows of a noun that are not archived, which its list shows."""
    return all_of(noun).where(noun.__table__.c.archived_at.is_(None))


def filtered(
    statement: Select[Any], query: ListQuery, fields: FilterFields, *, bindings: Bindings, values: Mapping[str, Any] = NOTHING
) -> Wanted:
    """`statement`, which binds `values`, narrowed by the query's filter. Raises Invalid that says where the filter is wrong.

    Pages are kept for each statement, so that it is made once in the life of a process: what differs from one request to the next is bound.
    """
    try:
        tree = parse_filter(query.filter)
        shape, terms = (None, []) if tree is None else shape_of(tree, fields, bindings)
    except FilterError as error:
        raise invalid_field("#query/filter", "filter", str(error)) from error
    return Wanted(statement, shape, terms, values)


async def fetch_page(
    session: AsyncSession, wanted: Wanted, query: ListQuery, *, id_column: Any, orders: Mapping[str, Order], default: str
) -> Found:
    """Run one page of `wanted` (a select of the columns of one table): its rows, the cursor of the next page, and the total if asked.

    The cursor holds the last row's order value and id; it is bound to filter and order. The total is counted up to 10,001.
    Raises Invalid for an unknown order or a cursor of another list.
    """
    name = query.order_by or default
    descending, field = name.startswith("-"), name.removeprefix("-")
    if field not in orders:
        raise invalid_field("#query/order_by", "unknown_order", f"Lists here are ordered by {', '.join(sorted(orders))}")
    order, id_column = orders[field], table_column(id_column)
    last = None if query.cursor is None else _read_cursor(query, name, order.kind)
    total = await _capped_total(session, wanted) if query.include_total else None
    page, values_of = _page(
        wanted.statement, wanted.shape, order_column=order.column, id_column=id_column, descending=descending, is_first=last is None
    )
    values = {**wanted.values, **values_of(wanted.terms), "page_limit": query.page_size + 1}
    if last is not None:
        values["last_value"], values["last_id"] = last
    rows = await page.rows(session, values)
    if len(rows) <= query.page_size:
        return Found(rows, page.columns, None, total)
    rows = rows[: query.page_size]
    value, last_id = (rows[-1][page.columns.index(column.key)] for column in (order.column, id_column))
    return Found(rows, page.columns, _make_cursor(query, name, value, last_id), total)


def page_of(schema: type[BaseModel], found: Found) -> Response:
    """The answer of a list: what `fetch_page` found, as `Page[schema]` writes it."""
    write = row_writer(schema, found.columns)
    body = {"items": [write(row) for row in found.rows], "next_cursor": found.next_cursor, "total": found.total}
    return Response(encode(body), media_type="application/json")


@lru_cache(maxsize=MOST_KEPT)
def _page(
    statement: Select[Any], shape: Shape | None, *, order_column: Any, id_column: Any, descending: bool, is_first: bool
) -> tuple[KeptSelect, ValuesOf]:
    """One page of all filters of a shape, and what makes the values of one: building it anew, and its key, cost as much as running it."""
    statement, values_of = _narrowed(statement, shape)
    columns: list[ColumnElement[Any]] = [order_column, id_column]
    if not is_first:
        key = tuple_(*columns)
        last = tuple_(bindparam("last_value", type_=order_column.type), bindparam("last_id", type_=id_column.type))
        statement = statement.where(key < last if descending else key > last)
    statement = statement.order_by(*(column.desc() if descending else column.asc() for column in columns))
    return KeptSelect(statement.limit(bindparam("page_limit", type_=Integer()))), values_of


def _narrowed(statement: Select[Any], shape: Shape | None) -> tuple[Select[Any], ValuesOf]:
    if shape is None:
        return statement, lambda terms: {}
    condition = compile_shape(shape)
    return statement.where(condition.clause), condition.values_of


@lru_cache(maxsize=MOST_KEPT)
def _count(statement: Select[Any], shape: Shape | None) -> tuple[KeptSelect, ValuesOf]:
    statement, values_of = _narrowed(statement, shape)
    capped = statement.with_only_columns(text("1")).limit(ESTIMATE_CAP + 1).subquery()
    return KeptSelect(select(func.count()).select_from(capped)), values_of


async def _capped_total(session: AsyncSession, wanted: Wanted) -> int:
    count, values_of = _count(wanted.statement, wanted.shape)
    ((total,),) = await count.rows(session, {**wanted.values, **values_of(wanted.terms)})
    return int(total)


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
