"""A list is written as its schema writes it, byte for byte, though nothing is validated on the way."""

import uuid
from datetime import UTC, date, datetime
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson
import pytest
from asyncpg.pgproto import pgproto
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from services.encoding import encode
from services.manifests import discover
from services.paging import Found, Page, page_of
from tests.harness import Mitra

WORDS = ["a", "A-1", "DE", "EUR", "en", "pt-BR", "Europe/Berlin", "-1.50", "0123456789abcdef" * 2, "orders:read", "field.name", "*"]
ODD = ["", "\u00e9\u0130\U0001f600", 'say "no"\\', "\x01\b\t\n\f\r\x1f", "\x7f\u2028\ufeff"]
INSTANTS = [(1, 1, 1), (9999, 12, 31, 23, 59, 59, 999999), (2026, 1, 2, 3, 4), (2026, 1, 2, 3, 4, 5, 120000), (2026, 1, 2, 3, 4, 5, 7)]
LEAVES: dict[Any, list[Any]] = {
    str: WORDS + ODD,
    bool: [True, False],
    int: [0, 1, 7, 10_000, -5, 2**53, 2**63 - 1, -(2**63)],
    float: [0.0, -0.0, 1.0, 0.1 + 0.2, 1e-7, 1e-5, 1e15, 1e16, 1e22, 5e-324, 123456789.125, float("nan"), float("inf")],
    date: [date(1, 1, 1), date(2026, 2, 28)],
    datetime: [datetime(*each, tzinfo=UTC) for each in INSTANTS],
    uuid.UUID: [uuid.UUID(int=0), uuid.UUID("0195f2c4-aaaa-7bbb-8ccc-0123456789ab")],
}
LEAVES[AwareDatetime] = LEAVES[datetime]


@cache
def shown_in_lists() -> dict[str, type[BaseModel]]:
    """The schemas of all lists whose rows are those of a table, by their names."""
    routes = [route for manifest in discover() for router in manifest.routers() for route in router.routes if isinstance(route, APIRoute)]
    pages = [route.response_model for route in routes if "page_of" in route.endpoint.__code__.co_names]
    schemas = [get_args(page.model_fields["items"].annotation)[0] for page in pages if page is not None]
    return {schema.__name__: schema for schema in sorted(schemas, key=attrgetter("__name__"))}


def values(annotation: Any, metadata: Any = ()) -> st.SearchStrategy[Any]:
    """Values of a type as Python has them, all of them valid."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return values(arguments[0], (*arguments[1:], *metadata))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    if type(None) in arguments:
        return st.none() | values(Union[tuple(each for each in arguments if each is not type(None))], metadata)  # noqa: UP007
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return st.fixed_dictionaries({name: of(field) for name, field in annotation.model_fields.items()})
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[annotation, *metadata] if metadata else annotation)
    return st.sampled_from([value for value in LEAVES[annotation] if _is_kept(adapter, value)])


def of(field: FieldInfo) -> st.SearchStrategy[Any]:
    return values(field.annotation, tuple(field.metadata))


def _is_kept(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        return adapter.validate_python(value) == value or value != value
    except ValidationError:
        return False


def stored(value: Any) -> Any:
    """A value as the driver gives it back: ids are of its own class, and JSON has lost its types and the order of its keys."""
    if isinstance(value, uuid.UUID):
        return pgproto.UUID(str(value))
    if isinstance(value, list | dict):
        return orjson.loads(orjson.dumps(orjson.loads(encode(value)), option=orjson.OPT_SORT_KEYS))
    return value


@cache
def rows_of(schema: type[BaseModel]) -> st.SearchStrategy[list[list[Any]]]:
    """Rows as a page finds them: all columns of a table, in an order of their own."""
    shown = st.fixed_dictionaries({name: of(field) for name, field in schema.model_fields.items()})
    return st.lists(shown.map(lambda found: [None, *(stored(found[name]) for name in sorted(found))]), max_size=2)


@pytest.mark.parametrize("name", shown_in_lists())
@settings(max_examples=8)
@given(data=st.data())
def test_a_page_is_written_as_its_schema_writes_it(name: str, data: st.DataObject) -> None:
    """Law: for rows of any values that a schema accepts, `page_of` answers the bytes that pydantic makes of them."""
    schema = shown_in_lists()[name]
    columns = ("tenant_id", *sorted(schema.model_fields))
    rows = data.draw(rows_of(schema))
    page: TypeAdapter[Any] = TypeAdapter(Page[schema])  # type: ignore[valid-type]
    expected = page.dump_json(page.validate_python({"items": Found(rows, columns, None, None).named(), "next_cursor": "x", "total": 3}))
    assert page_of(schema, Found(rows, columns, "x", 3)).body == expected


def test_what_was_added_to_a_part_since_it_was_stored_has_its_default() -> None:
    class Part(BaseModel):
        code: str
        size: int | None = None
        since: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    class Whole(BaseModel):
        size: int
        parts: list[Part]

    row = [[{"extra": 1, "code": "a"}], 1]
    assert page_of(Whole, Found([row], ("parts", "size"), None, None)).body == (
        b'{"items":[{"size":1,"parts":[{"code":"a","size":null,"since":"2026-01-01T00:00:00Z"}]}],"next_cursor":null,"total":null}'
    )


def test_a_schema_of_one_field_is_shown_and_a_row_that_does_not_fit_its_columns_is_refused() -> None:
    class Lone(BaseModel):
        code: str

    assert (
        page_of(Lone, Found([["ab", 1]], ("code", "size"), None, None)).body == b'{"items":[{"code":"ab"}],"next_cursor":null,"total":null}'
    )
    for row in (["ab"], ["ab", 1, 2]):
        with pytest.raises(ValueError, match="values to unpack"):
            page_of(Lone, Found([row], ("code", "size"), None, None))


async def test_a_record_is_read_as_it_was_answered_when_it_was_made(mitra: Mitra) -> None:
    """Whoever makes a record gets it by the way of pydantic."""
    client = mitra.client("demo", mitra.caller(await mitra.new_tenant()))
    made = await client.post("/v1/things", json={"label": 'é "lamp"\\', "amount_minor": 5})
    read = await client.get(f"/v1/things/{made.json()['id']}")
    assert read.content == made.content
    assert dict(read.headers) == dict(made.headers) | {"x-request-id": read.headers["x-request-id"]}
    listed = await client.get("/v1/things")
    assert listed.content == b'{"items":[%b],"next_cursor":null,"total":null}' % made.content
