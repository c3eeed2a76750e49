"""The filter language (`docs/filter-language.md`): one grammar, compiled to SQL and to a Python predicate that agree."""

from services.filters.fields import Bindings, Field, FilterFields, Kind, table_column
from services.filters.parsing import parse_filter
from services.filters.predicate import Predicate, Record, compile_predicate
from services.filters.sql import compile_sql
from services.filters.tree import Filter, FilterError

__all__ = [
    "Bindings",
    "Field",
    "Filter",
    "FilterError",
    "FilterFields",
    "Kind",
    "Predicate",
    "Record",
    "compile_predicate",
    "compile_sql",
    "parse_filter",
    "table_column",
]
