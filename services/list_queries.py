"""How the query of a list is read: all at once, by its model; FastAPI, which looks up one parameter after another, says what is wrong."""

from collections.abc import Callable, Coroutine
from copy import copy
from dataclasses import replace
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import ValidationError

from services.paging import ListQuery

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def read_at_once(route: APIRoute, handle: Handler) -> Handler:
    """`handle`, FastAPI's handler of `route`; of a list, one that reads a query that is right itself, and leaves others to `handle`."""
    dependant = route.dependant
    if [field.field_info.annotation for field in dependant.query_params] != [ListQuery]:
        return handle
    (field,) = dependant.query_params
    known = Dependant(call=_known_query, name=field.name, request_param_name="request", path=dependant.path)
    reading = copy(route)
    reading.dependant = replace(dependant, query_params=[], dependencies=[*dependant.dependencies, known])
    handle_known = APIRoute.get_route_handler(reading)

    async def handle_list(request: Request) -> Response:
        request.state.list_query = read_query(request)
        return await (handle(request) if request.state.list_query is None else handle_known(request))

    return handle_list


def read_query(request: Request) -> ListQuery | None:
    """The query of a list, or None where something is wrong with it."""
    try:
        return ListQuery.model_validate(dict(request.query_params))
    except ValidationError:
        return None


async def _known_query(request: Request) -> ListQuery:
    query: ListQuery = request.state.list_query
    return query
