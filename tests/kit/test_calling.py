"""The query of a list is read as FastAPI would read it, and what is wrong with it is said as FastAPI says it."""

from urllib.parse import urlencode

import httpx
import pytest
from demo_svc.things.routes import router
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from services.calling import read_query
from services.paging import ListQuery
from tests.harness import Mitra

PARAMETERS = {
    "filter": ["", 'label = "a"', "x" * 2049, "ä+%"],
    "order_by": ["", "-created_at", "x" * 65],
    "page_size": ["", "1", "200", "0", "201", " 5", "5.0", "1e1", "+5", "٥", "x"],
    "cursor": ["", "abc", "x" * 1025],
    "include_total": ["", "true", "on", "0", "maybe"],
    "pagesize": ["5"],
    "PAGE_SIZE": ["5"],
}
QUERIES = st.lists(st.sampled_from([(name, value) for name, values in PARAMETERS.items() for value in values]), max_size=4).map(urlencode)


def list_route() -> APIRoute:
    return next(route for route in router.routes if isinstance(route, APIRoute) and route.operation_id == "things.list")


@settings(max_examples=400)
@given(query=QUERIES)
def test_a_query_is_read_at_once_as_fastapi_reads_it(query: str) -> None:
    """Law: for any query string, what is read at once is what FastAPI reads, and where FastAPI finds something wrong it is nothing."""
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    values, errors = request_params_to_args(list_route().dependant.query_params, request.query_params)
    found = read_query(request)
    if errors:
        assert found is None
    else:
        assert isinstance(found, ListQuery)
        assert (found, found.model_fields_set) == (values["query"], values["query"].model_fields_set)


@pytest.fixture
async def things(mitra: Mitra) -> httpx.AsyncClient:
    return mitra.client("demo", mitra.caller(await mitra.new_tenant()))


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("page_size=0&page_size=5", []),
        ("page_size=5&page_size=0", [("#query/page_size", "greater_than_equal")]),
        ("page_size=x&order_by=" + "x" * 65, [("#query/order_by", "string_too_long"), ("#query/page_size", "int_parsing")]),
        ("pagesize=5&x=1&x=2", [("#query/pagesize", "extra_forbidden"), ("#query/x", "extra_forbidden")]),
    ],
)
async def test_all_that_is_wrong_with_a_query_is_said(things: httpx.AsyncClient, query: str, wrong: list[tuple[str, str]]) -> None:
    answer = await things.get(f"/v1/things?{query}")
    assert [(each["pointer"], each["code"]) for each in answer.json().get("errors", [])] == wrong
    assert answer.status_code == (422 if wrong else 200)
