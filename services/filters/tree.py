"""What a parsed filter is made of: comparisons, AND, OR and NOT, and the one error of the language."""

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", ":"]


class FilterError(ValueError):
    """A filter that cannot be used: `message` is a sentence for people, `position` the 0-based column (in characters) it is about."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at character {position})")
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Me:
    """The word `me`: the user who asks."""


@dataclass(frozen=True, slots=True)
class Now:
    """The word `now`: the instant of the evaluation."""


@dataclass(frozen=True, slots=True)
class DaysAgo:
    """`days_ago(n)`: n days before the evaluation, after it where n is negative."""

    days: int


Written: TypeAlias = str | int | Decimal | bool | Me | Now | DaysAgo | None
"""A value as it stands in a filter; text is in normal form C, a number without a fraction is an int."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field operator value`; the three columns are for messages and do not count in `==`."""

    field: str
    operator: Operator
    value: Written
    field_at: int = dataclasses.field(compare=False)
    operator_at: int = dataclasses.field(compare=False)
    value_at: int = dataclasses.field(compare=False)


@dataclass(frozen=True, slots=True)
class AllOf:
    """AND of two parts or more."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR of two parts or more."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT of one part."""

    part: "Filter"


Filter: TypeAlias = Comparison | AllOf | AnyOf | Negation
