"""Problem documents: every refusal, and every other error, has one shape and never shows a traceback or a value."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from services import errors, problems
from services.application import RequestIds

CASES: list[tuple[Exception, int, str, str]] = [
    (errors.Unauthenticated("who?"), 401, "unauthenticated", "who?"),
    (errors.Forbidden("no", code="missing_scope"), 403, "missing_scope", "no"),
    (errors.NotFound("none"), 404, "not_found", "none"),
    (errors.Conflict("clash"), 409, "conflict", "clash"),
    (errors.Gone("over"), 410, "gone", "over"),
    (errors.Stale("moved"), 412, "stale", "moved"),
    (errors.TooLarge("big"), 413, "too_large", "big"),
    (errors.Invalid("wrong"), 422, "invalid", "wrong"),
    (errors.PreconditionMissing("which?"), 428, "precondition_required", "which?"),
    (errors.TooMany("slower", retry_after_seconds=7), 429, "rate_limited", "slower"),
    (errors.Unavailable("later"), 503, "unavailable", "later"),
    (HTTPException(404, "Not Found"), 404, "not_found", problems.NO_PATH),
    (HTTPException(418, "teapot"), 418, "im_a_teapot", "teapot"),
    (StaleDataError("canary"), 409, "busy", "The record was changed meanwhile; read it again"),
    (ValueError("canary"), 500, "internal", "Something failed on our side; the request id finds it in the log"),
]


class DriverError(Exception):
    """A database driver's error with a state."""

    def __init__(self, state: str | None) -> None:
        super().__init__("canary")
        self.sqlstate = state


STATES: list[tuple[str | None, int, str]] = [
    ("22P05", 422, "invalid_value"),
    ("22003", 422, "invalid_value"),
    ("40P01", 409, "busy"),
    ("40001", 409, "busy"),
    ("55P03", 409, "busy"),
    ("08006", 503, "unavailable"),
    ("53300", 503, "unavailable"),
    ("57P01", 503, "unavailable"),
    ("23505", 500, "internal"),
    (None, 500, "internal"),
]


class Body(BaseModel):
    amounts: dict[str, int]


@pytest.fixture
async def failing() -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(RequestIds)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://mitra", headers={"X-Request-Id": "r-1"}) as client:
        yield app, client


async def answer_to(failing: tuple[FastAPI, httpx.AsyncClient], error: Exception) -> tuple[httpx.Response, dict[str, Any]]:
    app, client = failing

    async def fail() -> None:
        raise error

    app.add_api_route("/fail", fail)
    answer = await client.get("/fail")
    return answer, answer.json()


@pytest.mark.parametrize(("error", "status", "code", "detail"), CASES, ids=lambda value: str(value) if isinstance(value, str) else "")
async def test_every_error_has_its_status_code_and_sentence(
    failing: tuple[FastAPI, httpx.AsyncClient], error: Exception, status: int, code: str, detail: str
) -> None:
    answer, document = await answer_to(failing, error)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert problems.Problem.model_validate(document).model_dump(include={"status", "code", "detail", "request_id", "errors"}) == {
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": "r-1",
        "errors": [],
    }
    assert answer.headers["x-request-id"] == "r-1"
    assert "canary" not in answer.text


@pytest.mark.parametrize(("state", "status", "code"), STATES)
async def test_a_database_error_is_an_input_error_a_conflict_an_outage_or_ours(
    failing: tuple[FastAPI, httpx.AsyncClient], state: str | None, status: int, code: str
) -> None:
    answer, document = await answer_to(failing, DBAPIError("SELECT canary", {"a": "canary"}, DriverError(state)))
    assert (answer.status_code, document["code"], answer.headers["x-request-id"]) == (status, code, "r-1")
    assert "canary" not in answer.text


async def test_a_subclass_has_the_status_of_its_category(failing: tuple[FastAPI, httpx.AsyncClient]) -> None:
    class OrderAlreadyPlaced(errors.Conflict):
        code = "order_already_placed"

    answer, document = await answer_to(failing, OrderAlreadyPlaced("The order was placed already"))
    assert (answer.status_code, document["type"], document["title"]) == (409, "/problems/order_already_placed", "Conflict")


async def test_headers_say_when_and_how_to_come_back(failing: tuple[FastAPI, httpx.AsyncClient]) -> None:
    assert (await answer_to(failing, errors.TooMany("slower", retry_after_seconds=7)))[0].headers["retry-after"] == "7"
    app = FastAPI()
    problems.install(app)
    for error, header, value in (
        (errors.Unavailable("x"), "Retry-After", "1"),
        (errors.Unauthenticated("x"), "WWW-Authenticate", "Bearer"),
    ):
        assert problems.respond(error).headers[header] == value


async def test_a_wrong_state_names_the_state_and_what_fits(failing: tuple[FastAPI, httpx.AsyncClient]) -> None:
    _, document = await answer_to(failing, errors.WrongState("pay", state="draft", verbs_that_fit=["place", "cancel"]))
    assert (document["state"], document["verbs_that_fit"], document["code"]) == ("draft", ["place", "cancel"], "wrong_state")
    assert document["detail"] == "'pay' does not fit the present state 'draft'; verbs that fit: place, cancel"


async def test_each_wrong_field_is_pointed_at_without_its_value(failing: tuple[FastAPI, httpx.AsyncClient]) -> None:
    app, client = failing

    @app.post("/take")
    async def take(body: Body, page: int) -> None: ...

    answer = await client.post("/take", params={"page": "canary"}, json={"amounts": {"a/b~c": "canary"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert {e["pointer"] for e in answer.json()["errors"]} == {"#query/page", "/amounts/a~1b~0c"}
    assert "canary" not in answer.text


async def test_a_body_that_is_wrong_as_a_whole_is_called_so(failing: tuple[FastAPI, httpx.AsyncClient]) -> None:
    app, client = failing

    @app.post("/take")
    async def take(body: Body) -> None: ...

    document = (await client.post("/take", json=[])).json()
    assert document["detail"].startswith("The input is not valid: the body: Input should be")
    assert [e["pointer"] for e in document["errors"]] == [""]


async def test_an_unknown_path_and_a_wrong_method_are_problems_too(failing: tuple[FastAPI, httpx.AsyncClient]) -> None:
    app, client = failing

    @app.get("/there")
    async def there() -> None: ...

    missing, wrong = await client.get("/elsewhere"), await client.post("/there")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "GET")


def test_every_category_has_a_status() -> None:
    categories = set(errors.Refusal.__subclasses__())
    assert categories == set(problems.STATUS) - {errors.WrongState}
    assert [problems.status_of(category("x")) for category in (errors.Stale, errors.Gone)] == [412, 410]
