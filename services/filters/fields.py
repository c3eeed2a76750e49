"""What a caller declares about its records, and what it binds when a filter is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

Kind: TypeAlias = Literal["text", "number", "boolean", "instant", "date", "id", "choice", "tags", "custom"]

Column: TypeAlias = ColumnElement[Any] | InstrumentedAttribute[Any]
"""A column of a table, an attribute of a mapped class, or an expression over them."""


def table_column(column: Any) -> Any:
    """The column of the table behind an attribute of a class, or what else was given: a statement over columns costs less than one over
    classes.
    """
    return column.property.columns[0] if isinstance(column, InstrumentedAttribute) else column


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a noun that filters may name: its kind, and its column where the records lie in a table.

    | kind | column | in a record | operators |
    | --- | --- | --- | --- |
    | text | TEXT, VARCHAR; stored in normal form C | str | = != < <= > >= by code point, `:` has the part, whatever its case |
    | number | any integer, NUMERIC | int, Decimal | = != < <= > >= |
    | boolean | BOOLEAN | bool | = != |
    | instant | TIMESTAMPTZ | aware datetime, or RFC 3339 text | = != < <= > >= |
    | date | DATE | date, or ISO text | = != < <= > >= |
    | id | UUID | UUID, or its text | = != |
    | choice | TEXT, VARCHAR (no native enum) | str | = != ; any word may be asked for, also an unknown one |
    | tags | JSONB array or ARRAY of text | list, tuple or set of str | `:` has the member |
    | custom | JSONB object | mapping | those of the written value: number, text, boolean; `:` has the part or the member |

    Every kind has `= null` and `!= null`. A custom field is named `custom.key` after the name it is declared under.
    """

    kind: Kind
    column: Column | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "column", table_column(self.column))


FilterFields: TypeAlias = Mapping[str, Field]
"""The fields of a noun by the name that filters use, which is also their key in a record."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """What `me`, `now` and `days_ago(n)` mean in one evaluation.

    `me` is None where nobody asks, and a filter with `me` is then an error. `now` is aware; the dates of `now` and `days_ago(n)` are
    those of its time zone, so whoever filters by dates hands it over in the tenant's zone.
    """

    me: UUID | None
    now: datetime

    def __post_init__(self) -> None:
        if self.now.utcoffset() is None:
            raise ValueError("Bindings.now needs a time zone")
