"""The shape of a filter: all that makes its condition but the values, so that one statement can be kept for all filters of a shape."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias, Union
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Numeric, Text, Uuid
from sqlalchemy.types import TypeEngine

from services.filters.fields import Bindings, Column, FilterFields, Kind
from services.filters.terms import Term, Value, make_term
from services.filters.tree import AllOf, AnyOf, Comparison, Filter, Negation, Operator

TEXT = Text()
_BIGINT, _NUMERIC = BigInteger(), Numeric()
_TYPES: Mapping[type, TypeEngine[Any]] = {
    str: TEXT,
    bool: Boolean(),
    Decimal: _NUMERIC,
    datetime: DateTime(timezone=True),
    date: Date(),
    UUID: Uuid(),
}
_BIGINTS = range(-(2**63), 2**63)


class Form(NamedTuple):
    """A comparison without its value; `type` is None where it asks for null."""

    column: Column
    kind: Kind
    operator: Operator
    is_of_key: bool
    type: TypeEngine[Any] | None


class Joined(NamedTuple):
    """Shapes joined by a word; NOT has one part."""

    word: Literal["AND", "OR", "NOT"]
    parts: "tuple[Shape, ...]"


Shape: TypeAlias = Union[Form, Joined]  # noqa: UP007 - of a name that stands in quotes


def shape_of(tree: Filter, fields: FilterFields, bindings: Bindings) -> tuple[Shape, list[Term]]:
    """The shape of a filter and its comparisons, made ready, from left to right. Raises FilterError as `make_term` does."""
    terms: list[Term] = []

    def shape(part: Filter) -> Shape:
        match part:
            case AllOf(parts):
                return Joined("AND", tuple(map(shape, parts)))
            case AnyOf(parts):
                return Joined("OR", tuple(map(shape, parts)))
            case Negation(inner):
                return Joined("NOT", (shape(inner),))
            case Comparison():
                terms.append(make_term(part, fields, bindings))
                return _form(terms[-1])

    return shape(tree), terms


def _form(term: Term) -> Form:
    column = term.field.column
    if column is None:
        raise TypeError(f"field {term.name!r} has no column")
    return Form(column, term.kind, term.operator, term.key is not None, None if term.value is None else _sql_type(term.value))


def _sql_type(value: Value) -> TypeEngine[Any]:
    if type(value) is int:
        return _BIGINT if value in _BIGINTS else _NUMERIC
    return next(found for known, found in _TYPES.items() if isinstance(value, known))
