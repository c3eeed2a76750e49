"""A statement is kept for all filters of a shape: what it is and what it binds is what each of them would make by itself."""

from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import asyncpg

from services.filters import Condition, Filter, Shape, Term, compile_shape, compile_sql, parse_filter, shape_of

from .subjects import BINDINGS, FIELDS, FILTERS, TABLE, all_comparisons

DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]
SHAPES = 120
"""Of a single comparison: fields with their operators, the types of their values, null."""
KEPT: dict[Shape, Condition] = {}


def asked(condition: sa.ColumnElement[bool], values: dict[str, Any]) -> tuple[str, list[Any]]:
    """The text that the server gets, and what is bound in it, in its order."""
    compiled = sa.select(TABLE.c.row_id).where(condition).compile(dialect=DIALECT)
    bound = compiled.construct_params(values)
    return compiled.string, [bound[name] for name in compiled.positiontup or ()]


def shapes_of(texts: list[str]) -> list[tuple[Filter, Shape, list[Term]]]:
    trees = [tree for text in texts if (tree := parse_filter(text)) is not None]
    return [(tree, *shape_of(tree, FIELDS, BINDINGS)) for tree in trees]


def test_a_shape_knows_no_value() -> None:
    found = shapes_of(all_comparisons())
    assert len(found) > 4000
    assert len({shape for _, shape, _ in found}) == SHAPES


@settings(max_examples=300, database=None)
@given(text=FILTERS | st.sampled_from(all_comparisons()))
def test_a_kept_statement_asks_what_the_filter_asks(text: str) -> None:
    """Law: for every filter, what is kept for its shape, with its values, is the text and the values of its own condition."""
    for tree, shape, terms in shapes_of([text]):
        kept = KEPT.setdefault(shape, compile_shape(shape))
        assert asked(kept.clause, kept.values_of(terms)) == asked(compile_sql(tree, FIELDS, BINDINGS), {})
