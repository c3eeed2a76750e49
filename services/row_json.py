"""Rows as their schema writes them, without looking again at what the database guarantees; a test holds both for every list."""

import types
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, Union, cast, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

Write: TypeAlias = Callable[[Any], Any]
AS_IT_IS = (str, int, bool, UUID, date, dict[str, str])
AS_IT_IS_IN_A_COLUMN = (datetime, AwareDatetime, float)
"""Inside JSON an instant is text and a float may look like an integer: pydantic reads and writes them anew."""

MISSING = object()
"""Stands where JSON lacks what its schema requires: it cannot be written."""


@cache
def row_writer(schema: type[BaseModel], columns: tuple[str, ...]) -> Callable[[Iterable[Any]], dict[str, Any]]:
    """What makes a row with `columns` into the object that `schema` shows, of values that `encoding.encode` takes.

    The schema's fields are columns, and it computes and converts nothing. Raises ValueError for what is no column.
    It is a function of its own for each schema, as a dataclass has for its fields: a dict display takes two thirds of the time of a loop
    over names, and a list has 50 times 35 of them.
    """
    places = {name: columns.index(name) for name in schema.model_fields}
    writes = {place: write for name, place in places.items() if (write := _write_of(schema.model_fields[name], in_json=False)) is not None}
    written = {place: f"v{place} if v{place} is None or v{place} == [] else w{place}(v{place})" for place in writes}
    shown = ", ".join(f"{name!r}: {written.get(place, f'v{place}')}" for name, place in places.items())
    values = "".join(f"v{place}, " for place in range(len(columns)))
    namespace = {f"w{place}": write for place, write in writes.items()}
    exec(f"def write_row(row):\n    {values}= row\n    return {{{shown}}}", namespace)  # noqa: S102 - of names in our schemas
    return cast("Callable[[Iterable[Any]], dict[str, Any]]", namespace["write_row"])


def _write_of(field: FieldInfo, *, in_json: bool) -> Write | None:
    return _writer(field.annotation, field.metadata, in_json=in_json)


def _writer(annotation: Any, metadata: Sequence[Any], *, in_json: bool) -> Write | None:
    """How a value of a type is written; None: as it is."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _writer(arguments[0], (*arguments[1:], *metadata), in_json=in_json)
    if origin in (Union, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments:
        (present,) = (each for each in arguments if each is not types.NoneType)
        return _writer(present, metadata, in_json=in_json)
    if origin is Literal or annotation in AS_IT_IS or (annotation in AS_IT_IS_IN_A_COLUMN and not in_json):
        return None
    if origin is list:
        return _list_writer(_writer(arguments[0], (), in_json=True))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model_writer(annotation)
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[annotation, *metadata] if metadata else annotation)
    return lambda value: adapter.dump_python(adapter.validate_python(value), mode="json")


def _list_writer(write: Write | None) -> Write | None:
    return None if write is None else lambda values: [write(value) for value in values]


def _model_writer(model: type[BaseModel]) -> Write:
    """An object in the order of its schema, with what was added to that since it was stored and without what was taken from it."""
    fields = model.model_fields
    blank = {
        name: MISSING if field.is_required() else to_jsonable_python(field.get_default(call_default_factory=True))
        for name, field in fields.items()
    }
    size = len(blank)
    writes = [(name, write) for name, field in fields.items() if (write := _write_of(field, in_json=True)) is not None]

    def write_object(value: dict[str, Any]) -> dict[str, Any]:
        full = {**blank, **value}
        if len(full) > size:
            full = {name: full[name] for name in blank}
        for name, write in writes:
            if (found := full[name]) is not None:
                full[name] = write(found)
        return full

    return write_object
