"""The OpenAPI 3.1 document of a service, in the form that integrators' generators like best."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from services.segments import Segment

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Send the same key again and the first answer comes back; nothing happens twice. Kept for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` answer our form of its document, made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, openapi_version=app.openapi_version, routes=_routes_of(app))
            _say_nullables_plainly(found)
            _name_idempotency(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _routes_of(app: FastAPI) -> list[BaseRoute]:
    return [route for each in app.routes for route in (each.routes if isinstance(each, Segment) else [each])]


def _say_nullables_plainly(node: Any) -> None:
    """Turn `anyOf: [{type: x, …}, {type: null}]` into `type: [x, null], …`, everywhere below `node`."""
    if isinstance(node, list):
        for item in node:
            _say_nullables_plainly(item)
    if not isinstance(node, dict):
        return
    for value in node.values():
        _say_nullables_plainly(value)
    choices = node.get("anyOf")
    if isinstance(choices, list) and len(choices) == 2 and {"type": "null"} in choices:
        other = next(choice for choice in choices if choice != {"type": "null"})
        if isinstance(other.get("type"), str) and "enum" not in other and "const" not in other:
            del node["anyOf"]
            node |= other | {"type": [other["type"], "null"]}


def _name_idempotency(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in ("post", "patch", "put") and path.startswith("/v1/"):
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
