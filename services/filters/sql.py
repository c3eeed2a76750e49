"""From the tree of a filter to a condition of PostgreSQL: every value and every key a bound parameter of a stated type."""

import json
import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Numeric,
    Text,
    Uuid,
    and_,
    cast,
    func,
    literal,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from services.filters.fields import Bindings, Column, FilterFields
from services.filters.terms import Term, Value, make_term
from services.filters.tree import AllOf, AnyOf, Comparison, Filter, Negation

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_JSON_TYPES = {"text": "string", "number": "number", "boolean": "boolean"}
_BIGINTS = range(-(2**63), 2**63)


def compile_sql(tree: Filter | None, fields: FilterFields, bindings: Bindings) -> ColumnElement[bool]:
    """The condition that is true for exactly the rows that `compile_predicate` lets through; for the rest it is false or NULL.

    It belongs into a WHERE as it is; None, the empty filter, is true. Each declared field that the tree names needs a column.
    Raises FilterError as `make_term` does. The law holds for a database of the design: builtin C.UTF-8, text stored in normal form C.
    """
    match tree:
        case None:
            return true()
        case AllOf(parts):
            return and_(*(compile_sql(part, fields, bindings) for part in parts))
        case AnyOf(parts):
            return or_(*(compile_sql(part, fields, bindings) for part in parts))
        case Negation(part):  # two-valued: NOT of NULL would be NULL
            return compile_sql(part, fields, bindings).is_not(true())
        case Comparison():
            return _condition(make_term(tree, fields, bindings))


def _condition(term: Term) -> ColumnElement[bool]:
    column = term.field.column
    if column is None:
        raise TypeError(f"field {term.name!r} has no column")
    if term.key is not None:
        return _custom_condition(term, column, term.key)
    if term.value is None:
        return _presence(term, _or_json_null(column) if isinstance(column.type, JSONB) else column)
    if term.kind == "tags":
        return _has_member(column, str(term.value))
    if term.operator == ":":
        return column.icontains(str(term.value), autoescape=True)
    return _compared(term, column, _bound(term.value))


def _custom_condition(term: Term, column: Column, key: str) -> ColumnElement[bool]:
    stored = column.op("->", return_type=JSONB())(literal(key, Text()))
    if term.value is None:
        return _presence(term, _or_json_null(stored))
    if term.operator == "=":  # containment, which a GIN index on the column serves
        return column.op("@>", is_comparison=True)(_json(f"{{{json.dumps(key)}: {_json_text(term.value)}}}"))
    of_the_type = func.jsonb_typeof(stored) == literal(_JSON_TYPES[term.kind], Text())
    if term.operator == ":":
        text = column.op("->>", return_type=Text())(literal(key, Text()))
        return or_(_has_member(stored, str(term.value)), and_(of_the_type, text.icontains(str(term.value), autoescape=True)))
    return and_(of_the_type, _compared(term, stored, _json(_json_text(term.value))))


def _compared(term: Term, stored: Column, value: ColumnElement[Any]) -> ColumnElement[bool]:
    compared: ColumnElement[bool] = _COMPARE[term.operator](stored, value)
    return compared


def _presence(term: Term, stored: Column) -> ColumnElement[bool]:
    return stored.is_(None) if term.operator == "=" else stored.is_not(None)


def _or_json_null(stored: Column) -> ColumnElement[Any]:
    """NULL also where the value is the null of JSON."""
    return func.nullif(stored, _json("null"))


def _has_member(stored: Column, member: str) -> ColumnElement[bool]:
    members = literal([member], stored.type) if isinstance(stored.type, ARRAY) else _json(json.dumps([member]))
    return stored.op("@>", is_comparison=True)(members)


def _json(text: str) -> ColumnElement[Any]:
    return cast(literal(text, Text()), JSONB)


def _json_text(value: Value) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)


def _bound(value: Value) -> ColumnElement[Any]:
    return literal(value, _sql_type(value))


def _sql_type(value: Value) -> TypeEngine[Any]:
    match value:
        case bool():
            return Boolean()
        case int():
            return BigInteger() if value in _BIGINTS else Numeric()
        case Decimal():
            return Numeric()
        case datetime():
            return DateTime(timezone=True)
        case date():
            return Date()
        case UUID():
            return Uuid()
    return Text()
