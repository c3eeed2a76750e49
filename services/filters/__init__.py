"""The filter language (`docs/filter-language.md`): one grammar, compiled to SQL and to a Python predicate that agree."""

from services.filters.fields import Bindings, Field, FilterFields, Kind, table_column
from services.filters.parsing import parse_filter
from services.filters.predicate import Predicate, Record, compile_predicate
from services.filters.shapes import Shape, shape_of
from services.filters.sql import Condition, compile_shape, compile_sql
from services.filters.terms import Term
from services.filters.tree import Filter, FilterError

__all__ = [
    "Bindings",
    "Condition",
    "Field",
    "Filter",
    "FilterError",
    "FilterFields",
    "Kind",
    "Predicate",
    "Record",
    "Shape",
    "Term",
    "compile_predicate",
    "compile_shape",
    "compile_sql",
    "parse_filter",
    "shape_of",
    "table_column",
]
