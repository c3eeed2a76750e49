"""Problem documents (RFC 9457): how each category of refusal, and every other error, leaves a service."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from services import errors
from services.encoding import encode

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
NO_PATH = "There is nothing at this path; /openapi.json names all paths there are"

STATUS: dict[type[errors.Refusal], int] = {
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.PreconditionMissing: 428,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}


class ProblemError(BaseModel):
    """One thing that is wrong, and where."""

    pointer: str
    code: str
    detail: str


class Problem(BaseModel):
    """A problem document: what went wrong, where, and the request to ask about."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemError] = Field(default_factory=list)
    request_id: str | None = None
    state: str | None = None
    verbs_that_fit: list[str] | None = None


def status_of(refusal: errors.Refusal) -> int:
    """The HTTP status of a refusal's category."""
    return next(STATUS[category] for category in type(refusal).__mro__ if category in STATUS)


def problem_of(refusal: errors.Refusal, request_id: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal as plain JSON values."""
    status = status_of(refusal)
    document: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": refusal.detail,
        "code": refusal.code,
        "errors": [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in refusal.errors],
        "request_id": request_id,
    }
    if isinstance(refusal, errors.WrongState):
        document |= {"state": refusal.state, "verbs_that_fit": list(refusal.verbs_that_fit)}
    return document


def respond(refusal: errors.Refusal, request_id: str | None = None) -> Response:
    """The HTTP answer for a refusal."""
    document = problem_of(refusal, request_id)
    headers = {}
    if isinstance(refusal, errors.TooMany):
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, errors.Unavailable):
        headers["Retry-After"] = "1"
    if isinstance(refusal, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(encode(document), status_code=document["status"], headers=headers, media_type=MEDIA_TYPE)


def invalid_from(error: RequestValidationError | ValidationError, *, prefix: str = "") -> errors.Invalid:
    """The Invalid that lists what pydantic found, each with a JSON pointer (never the value itself)."""
    found = [errors.FieldError(_pointer(e["loc"], prefix), str(e["type"]), str(e["msg"])) for e in error.errors()[:100]]
    first = f": {found[0].pointer or 'the body'}: {found[0].detail}" if found else ""
    return errors.Invalid(f"The input is not valid{first}", errors=found)


def _pointer(location: tuple[int | str, ...], prefix: str) -> str:
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in location]
    if parts and not prefix and parts[0] in ("query", "path", "header", "cookie"):
        return f"#{parts[0]}/{'/'.join(parts[1:])}"
    if parts and not prefix and parts[0] == "body":
        parts = parts[1:]
    return prefix + "".join(f"/{part}" for part in parts)


def refusal_from_database(error: DBAPIError) -> errors.Refusal | None:
    """The refusal behind a database error that input can cause, or None where it is our own fault."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    if state.startswith("22"):
        return errors.Invalid("The input holds a value that cannot be stored", code="invalid_value")
    if state in ("40001", "40P01", "55P03"):
        return errors.Conflict("Somebody else was changing the same records; try again", code="busy")
    if state.startswith(("08", "53", "57")) or error.connection_invalidated:
        return errors.Unavailable("The database is not reachable just now")
    return None


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document and never with a traceback."""
    app.add_exception_handler(errors.Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(StaleDataError, _on_stale)
    app.add_exception_handler(Exception, _on_crash)


def _request_id(request: Request) -> str | None:
    return request.headers.get("x-request-id")


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.Refusal)
    return respond(error, _request_id(request))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond(invalid_from(error), _request_id(request))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return respond(errors.NotFound(NO_PATH), _request_id(request))
    code = HTTPStatus(error.status_code).name.lower()
    return _bare(request, error.status_code, code=code, detail=str(error.detail), headers=dict(error.headers or {}))


async def _on_database(request: Request, error: Exception) -> Response:
    refusal = refusal_from_database(error) if isinstance(error, DBAPIError) else None
    if refusal is None:
        raise error
    return respond(refusal, _request_id(request))


async def _on_stale(request: Request, _error: Exception) -> Response:
    return respond(errors.Conflict("The record was changed meanwhile; read it again", code="busy"), _request_id(request))


async def _on_crash(request: Request, error: Exception) -> Response:
    """A crash is answered outside the middleware that knows the request id, so it is named here, in the log and on the answer."""
    request_id = _request_id(request) or ""
    log.error("request_failed", request_id=request_id, path=request.url.path, error_type=type(error).__name__, exc_info=error)
    detail = "Something failed on our side; the request id finds it in the log"
    return _bare(request, 500, code="internal", detail=detail, headers={"X-Request-Id": request_id})


def _bare(request: Request, status: int, *, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
        "request_id": _request_id(request),
    }
    return Response(encode(document), status_code=status, headers=headers, media_type=MEDIA_TYPE)
