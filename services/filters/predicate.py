"""From the tree of a filter to a function over plain records, which answers as `compile_sql` does over their rows."""

import operator
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from services.filters.fields import Bindings, FilterFields, Kind
from services.filters.terms import Term, make_term, parse_date, parse_id, parse_instant
from services.filters.tree import AllOf, AnyOf, Comparison, Filter, Negation

Record: TypeAlias = Mapping[str, object]
Predicate: TypeAlias = Callable[[Record], bool]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_predicate(tree: Filter | None, fields: FilterFields, bindings: Bindings) -> Predicate:
    """The function that says whether a record passes; None, the empty filter, lets everything pass.

    A record maps the declared names to values as `Field` lists them. A name that is not there, None, and a value of another type all
    count as missing. The function never raises. Raises FilterError as `make_term` does.
    """
    match tree:
        case None:
            return lambda record: True
        case AllOf(parts):
            return _all_of([compile_predicate(part, fields, bindings) for part in parts])
        case AnyOf(parts):
            return _any_of([compile_predicate(part, fields, bindings) for part in parts])
        case Negation(part):
            passes = compile_predicate(part, fields, bindings)
            return lambda record: not passes(record)
        case Comparison():
            return _test(make_term(tree, fields, bindings))


def _all_of(parts: list[Predicate]) -> Predicate:
    def passes(record: Record) -> bool:
        for part in parts:  # noqa: SIM110 - all() costs a generator, twice the time of the loop
            if not part(record):
                return False
        return True

    return passes


def _any_of(parts: list[Predicate]) -> Predicate:
    def passes(record: Record) -> bool:
        for part in parts:  # noqa: SIM110
            if part(record):
                return True
        return False

    return passes


def _test(term: Term) -> Predicate:
    check = _check(term)
    name, key = term.name, term.key
    if key is None:
        return lambda record: check(record.get(name))

    def passes(record: Record) -> bool:
        custom = record.get(name)
        return check(custom.get(key) if isinstance(custom, Mapping) else None)

    return passes


def _check(term: Term) -> Callable[[object], bool]:
    """What one stored value is asked."""
    if term.value is None:
        return (lambda stored: stored is None) if term.operator == "=" else (lambda stored: stored is not None)
    if term.operator == ":":
        return _has(term, str(term.value))
    read, compare, value = _READERS[term.kind], _COMPARE[term.operator], term.value

    def check(stored: object) -> bool:
        comparable = read(stored)
        return comparable is not None and compare(comparable, value)

    return check


def _has(term: Term, wanted: str) -> Callable[[object], bool]:
    part = _lowered(wanted)
    as_text = term.kind == "text"
    as_list = term.key is not None or term.kind == "tags"

    def check(stored: object) -> bool:
        if isinstance(stored, str):
            return as_text and part in _lowered(_normal(stored))
        return as_list and isinstance(stored, list | tuple | set | frozenset) and any(_read_text(each) == wanted for each in stored)

    return check


def _normal(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _lowered(text: str) -> str:
    """Lower case by single code points, as PostgreSQL's builtin C.UTF-8 does it.

    Python's `lower` differs in two letters only: it knows a final sigma, and lowers the dotted capital I to two code points.
    """
    return text.lower() if text.isascii() else text.replace("İ", "i").replace("Σ", "σ").lower()


def _read_text(stored: object) -> str | None:
    return _normal(stored) if isinstance(stored, str) else None


def _read_number(stored: object) -> int | Decimal | None:
    if isinstance(stored, bool):
        return None
    if isinstance(stored, float):  # the number that JSON writes for it, which is what a JSONB column holds
        stored = Decimal(repr(stored))
    if isinstance(stored, Decimal):
        return stored if stored.is_finite() else None
    return stored if isinstance(stored, int) else None


def _read_boolean(stored: object) -> bool | None:
    return stored if isinstance(stored, bool) else None


def _read_instant(stored: object) -> datetime | None:
    if isinstance(stored, datetime):
        return stored if stored.tzinfo is not None else None
    return parse_instant(stored) if isinstance(stored, str) else None


def _read_date(stored: object) -> date | None:
    if isinstance(stored, date):
        return None if isinstance(stored, datetime) else stored
    return parse_date(stored) if isinstance(stored, str) else None


def _read_id(stored: object) -> UUID | None:
    if isinstance(stored, UUID):
        return stored
    return parse_id(stored) if isinstance(stored, str) else None


_READERS: Mapping[Kind, Callable[[object], object]] = {
    "text": _read_text,
    "number": _read_number,
    "boolean": _read_boolean,
    "instant": _read_instant,
    "date": _read_date,
    "id": _read_id,
    "choice": _read_text,
}
