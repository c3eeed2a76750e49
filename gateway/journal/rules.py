"""Positions in a journal, patterns of event types, and whom an event names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.errors import Gone, invalid_field

POSITION = re.compile(r"(?:g([0-9]{1,9})-)?([0-9]{1,18})")
PATTERN = re.compile(r"\*|[a-z][a-z0-9_.]{0,126}\*?")
MOST_PATTERNS = 50
CONTACTS = ("contact", "customer")
NAMING = ("contact_id", "from_contact_id", "to_contact_id")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a tenant's journal, in one generation of it."""

    generation: int
    seq: int

    def __str__(self) -> str:
        return f"g{self.generation}-{self.seq}"


@dataclass(frozen=True, slots=True)
class TypePatterns:
    """Which event types are wanted: whole names and beginnings of names. Nothing at all means every type."""

    names: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()


def read_position(text: str, head: Position, pointer: str) -> int:
    """The `seq` that a caller gives back as `g1-123`, or as a bare 123 of the present generation.

    Raises Invalid for another form, Gone for a position of another generation or beyond the end: what follows it cannot be known.
    """
    found = POSITION.fullmatch(text)
    if found is None:
        raise invalid_field(pointer, "position", "A position looks like g1-123")
    generation, seq = found[1], int(found[2])
    if (generation is not None and int(generation) != head.generation) or seq > head.seq:
        raise Gone(f"There is no position {text} in this journal (any more); begin again at {head} or at 0", code="position_gone")
    return seq


def read_types(text: str) -> TypePatterns:
    """The patterns in a comma-separated list; `*` at the end of one stands for any ending. Raises Invalid."""
    patterns = [part.strip() for part in text.split(",") if part.strip()]
    if len(patterns) > MOST_PATTERNS or not all(PATTERN.fullmatch(pattern) for pattern in patterns):
        raise invalid_field("#query/types", "types", f"Up to {MOST_PATTERNS} types such as pipeline.order.placed.v1 or pipeline.order.*")
    if "*" in patterns:
        return TypePatterns()
    names = tuple(pattern for pattern in patterns if not pattern.endswith("*"))
    return TypePatterns(names, tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*")))


def contacts_named(subject: str, state: Mapping[str, Any]) -> list[str]:
    """The ids of the contacts that an event is about: its subject where that is one, and those that the state of its subject names."""
    noun, _, own_id = subject.partition("/")
    named = {own_id} if noun in CONTACTS else set()
    named.update(state[field] for field in NAMING if state.get(field))
    named.update(state.get("contact_ids") or ())
    return sorted(named)
