"""One comparison made ready for both compilers: its field found, its operator checked, its value of the field's type."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from services.filters.fields import Bindings, Field, FilterFields, Kind
from services.filters.tree import Comparison, DaysAgo, FilterError, Me, Now, Operator, Written

Value: TypeAlias = str | int | Decimal | bool | datetime | date | UUID | None

_EQUALITY: tuple[Operator, ...] = ("=", "!=")
_ORDER: tuple[Operator, ...] = ("=", "!=", "<", "<=", ">", ">=")
_OPERATORS: Mapping[Kind, tuple[Operator, ...]] = {
    "text": (*_ORDER, ":"),
    "number": _ORDER,
    "boolean": _EQUALITY,
    "instant": _ORDER,
    "date": _ORDER,
    "id": _EQUALITY,
    "choice": _EQUALITY,
    "tags": (":",),
}
_FORMS: Mapping[Kind, str] = {
    "text": "text in double quotes",
    "number": "a number",
    "boolean": "true or false",
    "instant": 'an instant such as "2026-01-31T09:30:00Z", now or days_ago(n)',
    "date": 'a date such as "2026-01-31", now or days_ago(n)',
    "id": "an id in double quotes, or me",
    "choice": "a word in double quotes",
    "tags": "a tag in double quotes",
    "custom": "text in double quotes, a number, true or false",
}
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Term:
    """`name operator value` on a declared field.

    `kind` says how to compare: of a custom field it is the kind of the written value (text, number or boolean), and `key` its key.
    """

    name: str
    key: str | None
    field: Field
    kind: Kind
    operator: Operator
    value: Value


def make_term(comparison: Comparison, fields: FilterFields, bindings: Bindings) -> Term:
    """Bind one comparison; raises FilterError for an unknown field, and an operator or a value that do not go with the field."""
    name, key = _find(comparison, fields)
    field = fields[name]
    if comparison.value is None:
        _check_operator(comparison, "null", _EQUALITY)
        return Term(name, key, field, field.kind, comparison.operator, None)
    kind = _kind_written(comparison) if field.kind == "custom" else field.kind
    _check_operator(comparison, comparison.field if key is None else _FORMS[kind], _OPERATORS[kind])
    value = _READERS[kind](comparison.value, bindings)
    if value is None:
        if isinstance(comparison.value, Me) and kind == "id":
            raise FilterError("nobody is asking, so there is no me", comparison.value_at)
        raise FilterError(f"'{comparison.field}' compares with {_FORMS[kind]}", comparison.value_at)
    return Term(name, key, field, kind, comparison.operator, value)


def parse_instant(text: str) -> datetime | None:
    """The instant, in UTC, of an RFC 3339 text with at most microseconds, or None."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _INSTANT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> date | None:
    """The date of a text `YYYY-MM-DD`, or None."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def parse_id(text: str) -> UUID | None:
    """The UUID of its usual text in either case, or None."""
    return UUID(text) if _ID.fullmatch(text) else None


def _find(comparison: Comparison, fields: FilterFields) -> tuple[str, str | None]:
    written = comparison.field
    if written in fields and fields[written].kind != "custom":
        return written, None
    head, dot, key = written.partition(".")
    if head in fields and fields[head].kind == "custom":
        if not dot or "." in key:
            raise FilterError(f"a custom field is named '{head}.key'", comparison.field_at)
        return head, key
    raise FilterError(f"there is no field '{written}' here", comparison.field_at)


def _kind_written(comparison: Comparison) -> Kind:
    match comparison.value:
        case bool():
            return "boolean"
        case str():
            return "text"
        case int() | Decimal():
            return "number"
    raise FilterError(f"'{comparison.field}' compares with {_FORMS['custom']}", comparison.value_at)


def _check_operator(comparison: Comparison, what: str, allowed: tuple[Operator, ...]) -> None:
    if comparison.operator not in allowed:
        raise FilterError(f"'{comparison.operator}' does not go with {what}: use {' '.join(allowed)}", comparison.operator_at)


def _read_text(written: Written, _: Bindings) -> Value:
    return written if isinstance(written, str) else None


def _read_number(written: Written, _: Bindings) -> Value:
    return written if isinstance(written, int | Decimal) and not isinstance(written, bool) else None


def _read_boolean(written: Written, _: Bindings) -> Value:
    return written if isinstance(written, bool) else None


def _read_instant(written: Written, bindings: Bindings) -> Value:
    match written:
        case str():
            return parse_instant(written)
        case Now():
            return bindings.now.astimezone(UTC)
        case DaysAgo(days):
            return bindings.now.astimezone(UTC) - timedelta(days=days)
    return None


def _read_date(written: Written, bindings: Bindings) -> Value:
    match written:
        case str():
            return parse_date(written)
        case Now():
            return bindings.now.date()
        case DaysAgo(days):
            return bindings.now.date() - timedelta(days=days)
    return None


def _read_id(written: Written, bindings: Bindings) -> Value:
    match written:
        case str():
            return parse_id(written)
        case Me():
            return bindings.me
    return None


_READERS: Mapping[Kind, Callable[[Written, Bindings], Value]] = {
    "text": _read_text,
    "number": _read_number,
    "boolean": _read_boolean,
    "instant": _read_instant,
    "date": _read_date,
    "id": _read_id,
    "choice": _read_text,
    "tags": _read_text,
}
