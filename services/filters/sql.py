"""From a filter to a condition of PostgreSQL: every value and every key a bound parameter of a stated type."""

import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, TypeAlias

from sqlalchemy import ARRAY, ColumnElement, Text, and_, bindparam, cast, func, literal, or_, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from services.filters.fields import Bindings, Column, FilterFields
from services.filters.shapes import TEXT, Form, Joined, Shape, shape_of
from services.filters.terms import Term, Value
from services.filters.tree import Filter

Take: TypeAlias = Callable[[Term], Any]
"""What is bound of a comparison."""

Bind: TypeAlias = Callable[[Take, TypeEngine[Any]], ColumnElement[Any]]
"""Makes a parameter of one comparison."""

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_JSON_TYPES = {"text": "string", "number": "number", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of all filters of a shape, and what its parameters take: by name, of the comparison at a place."""

    clause: ColumnElement[bool]
    parameters: Sequence[tuple[str, int, Take]]

    def values_of(self, terms: Sequence[Term]) -> dict[str, Any]:
        """The values of one filter, whose comparisons `terms` are."""
        return {name: take(terms[place]) for name, place, take in self.parameters}


def compile_sql(tree: Filter | None, fields: FilterFields, bindings: Bindings) -> ColumnElement[bool]:
    """The condition that is true for exactly the rows that `compile_predicate` lets through; for the rest it is false or NULL.

    It belongs into a WHERE as it is; None, the empty filter, is true. Each declared field that the tree names needs a column.
    Raises FilterError as `make_term` does. The law holds for a database of the design: builtin C.UTF-8, text stored in normal form C.
    """
    if tree is None:
        return true()
    shape, terms = shape_of(tree, fields, bindings)
    return _joined(shape, iter([partial(_literal, term) for term in terms]))


def compile_shape(shape: Shape) -> Condition:
    """The condition of every filter of `shape`, with parameters that have no values yet."""
    parameters: list[tuple[str, int, Take]] = []

    def bind(place: int, take: Take, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        name = f"filter_{len(parameters)}"
        parameters.append((name, place, take))
        return bindparam(name, type_=kind)

    return Condition(_joined(shape, (partial(bind, place) for place in count())), parameters)


def _literal(term: Term, take: Take, kind: TypeEngine[Any]) -> ColumnElement[Any]:
    return literal(take(term), kind)


def _joined(shape: Shape, binds: Iterator[Bind]) -> ColumnElement[bool]:
    match shape:
        case Form():
            return _condition(shape, next(binds))
        case Joined("AND", parts):
            return and_(*_each(parts, binds))
        case Joined("OR", parts):
            return or_(*_each(parts, binds))
        case Joined(_, (part,)):  # two-valued: NOT of NULL would be NULL
            return _joined(part, binds).is_not(true())
    raise AssertionError(shape)


def _each(parts: Iterable[Shape], binds: Iterator[Bind]) -> list[ColumnElement[bool]]:
    return [_joined(part, binds) for part in parts]


def _condition(form: Form, bind: Bind) -> ColumnElement[bool]:
    column = form.column
    if form.is_of_key:
        return _custom_condition(form, bind)
    if form.type is None:
        return _presence(form, _or_json_null(column) if isinstance(column.type, JSONB) else column)
    if form.kind == "tags":
        return _has_member(column, bind)
    if form.operator == ":":
        return column.icontains(bind(_part, TEXT), escape="/")
    return _compared(form, column, bind(_value, form.type))


def _custom_condition(form: Form, bind: Bind) -> ColumnElement[bool]:
    if form.type is not None and form.operator == "=":  # containment, which a GIN index on the column serves
        return form.column.op("@>", is_comparison=True)(cast(bind(_pair, TEXT), JSONB))
    stored = form.column.op("->", return_type=JSONB())(bind(_key, TEXT))
    if form.type is None:
        return _presence(form, _or_json_null(stored))
    of_the_type = func.jsonb_typeof(stored) == literal(_JSON_TYPES[form.kind], TEXT)
    if form.operator == ":":
        text = form.column.op("->>", return_type=Text())(bind(_key, TEXT))
        return or_(_has_member(stored, bind), and_(of_the_type, text.icontains(bind(_part, TEXT), escape="/")))
    return and_(of_the_type, _compared(form, stored, cast(bind(_json, TEXT), JSONB)))


def _compared(form: Form, stored: Column, value: ColumnElement[Any]) -> ColumnElement[bool]:
    compared: ColumnElement[bool] = _COMPARE[form.operator](stored, value)
    return compared


def _presence(form: Form, stored: Column) -> ColumnElement[bool]:
    return stored.is_(None) if form.operator == "=" else stored.is_not(None)


def _or_json_null(stored: Column) -> ColumnElement[Any]:
    """NULL also where the value is the null of JSON."""
    return func.nullif(stored, cast(literal("null", TEXT), JSONB))


def _has_member(stored: Column, bind: Bind) -> ColumnElement[bool]:
    members = bind(_members, stored.type) if isinstance(stored.type, ARRAY) else cast(bind(_json_members, TEXT), JSONB)
    return stored.op("@>", is_comparison=True)(members)


def _value(term: Term) -> Value:
    return term.value


def _key(term: Term) -> str | None:
    return term.key


def _members(term: Term) -> list[str]:
    return [str(term.value)]


def _json_members(term: Term) -> str:
    return json.dumps(_members(term))


def _part(term: Term) -> str:
    return str(term.value).replace("/", "//").replace("%", "/%").replace("_", "/_")


def _json(term: Term) -> str:
    return f"{term.value:f}" if isinstance(term.value, Decimal) else json.dumps(term.value)


def _pair(term: Term) -> str:
    return f"{{{json.dumps(term.key)}: {_json(term)}}}"
