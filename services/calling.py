"""How an endpoint is called: the kit hands over what it knows of a request itself, and FastAPI reads the rest and says what is wrong."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError

from services.paging import ListQuery

Find = Callable[[Request], Any]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def handler_of(route: APIRoute, known: Mapping[Any, Find]) -> Handler:
    """The handler of `route`, whose dependencies that are `known` are found by plain functions.

    A dependency costs FastAPI 25 µs, however little it does, and the query of a list, which it looks up parameter by parameter, 150. So a
    query that is right is read at once, by its model; with a wrong one the request goes FastAPI's way, which words what is wrong.
    """
    found = {str(dependency.name): known[dependency.call] for dependency in route.dependant.dependencies if dependency.call in known}
    query_params = route.dependant.query_params
    handle = _handler(route, found, query_params)
    if [field.field_info.annotation for field in query_params] != [ListQuery]:
        return handle
    handle_read = _handler(route, found | {query_params[0].name: lambda request: request.state.list_query}, ())

    async def handle_list(request: Request) -> Response:
        request.state.list_query = read_query(request)
        return await (handle(request) if request.state.list_query is None else handle_read(request))

    return handle_list


def read_query(request: Request) -> ListQuery | None:
    """The query of a list, or None where something is wrong with it."""
    try:
        return ListQuery.model_validate(dict(request.query_params))
    except ValidationError:
        return None


def _handler(route: APIRoute, found: Mapping[str, Find], query_params: Sequence[Any]) -> Handler:
    dependant, endpoint = route.dependant, route.endpoint
    name = dependant.request_param_name or "request"

    async def call(**values: Any) -> Any:
        request = values[name] if dependant.request_param_name else values.pop(name)
        return await endpoint(**values, **{each: find(request) for each, find in found.items()})

    lean = copy(route)
    lean.dependant = replace(
        dependant,
        call=call,
        request_param_name=name,
        query_params=list(query_params),
        dependencies=[each for each in dependant.dependencies if each.name not in found],
    )
    return APIRoute.get_route_handler(lean)
