"""The command's own client: knocks again at a door that is shut for a moment, and says what was refused."""

import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from services.client import NotAnswered, get, note, post


class Door:
    """The far end: answers in turn what it was given, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers: Iterator[httpx.Response | Exception] = iter(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self), base_url="http://mitra")


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "Not like this"}, headers=headers)


async def test_a_request_is_sent_again_with_the_same_key_until_it_is_answered() -> None:
    door = Door(
        httpx.ConnectError("shut"),
        problem(503, "unavailable"),
        problem(429, "rate_limited", **{"Retry-After": "0"}),
        problem(409, "idempotency_key_in_use"),
        httpx.Response(201, json={"id": 1}),
    )
    async with door.client() as client:
        assert await post(client, "/v1/things", {"name": "a"}) == {"id": 1}
    assert len(door.asked) == 5
    assert len({request.headers["Idempotency-Key"] for request in door.asked}) == 1
    assert [orjson.loads(request.content) for request in door.asked] == [{"name": "a"}] * 5


async def test_a_question_is_asked_again_until_it_is_answered() -> None:
    door = Door(httpx.ConnectError("shut"), problem(503, "unavailable"), httpx.Response(200, json={"items": []}), problem(404, "not_found"))
    async with door.client() as client:
        assert await get(client, "/v1/things", filter='name = "a"') == {"items": []}
        with pytest.raises(NotAnswered, match="/v1/things answered 404 not_found: Not like this"):
            await get(client, "/v1/things")
    assert [dict(request.url.params) for request in door.asked] == [{"filter": 'name = "a"'}] * 3 + [{}]


async def test_two_requests_have_two_keys_unless_they_are_given_one() -> None:
    door = Door(*(httpx.Response(200, json={}) for _ in range(3)))
    async with door.client() as client:
        for key in ("", "", "mine"):
            await post(client, "/v1/things", {}, key=key)
    first, second, third = (request.headers["Idempotency-Key"] for request in door.asked)
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
async def test_what_does_not_pass_by_itself_is_said_at_once(status: int) -> None:
    door = Door(problem(status, "some_code"))
    async with door.client() as client:
        with pytest.raises(NotAnswered, match=f"^/v1/things answered {status} some_code: Not like this$"):
            await post(client, "/v1/things", {})
    assert len(door.asked) == 1


async def test_an_answer_that_is_no_problem_document_is_said_too() -> None:
    async with Door(httpx.Response(404, text="<html>")).client() as client:
        with pytest.raises(NotAnswered, match="answered 404 unknown: Not Found"):
            await post(client, "/v1/things", {})


async def test_patience_ends() -> None:
    door = Door(*(httpx.ConnectError("shut") for _ in range(10)))
    async with door.client() as client:
        with pytest.raises(NotAnswered, match=r"^http://mitra does not answer \(ConnectError\); given up after 0 s$"):
            await post(client, "/v1/things", {}, patience_seconds=0.25)
    assert 2 <= len(door.asked) < 10


def test_a_note_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    note(path, "first")
    note(path, "second")
    assert path.read_text() == "second\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
