"""Logs: JSON lines that carry ids and types, and never a value, not even when something crashes."""

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from services import logs

CANARY = "canary-7f3a"
PROGRAM = """
import asyncio, gc, logging, sys
import httpx, structlog
from fastapi import FastAPI
from services import logs, problems
from services.application import RequestIds

logs.configure(sys.argv[1])
log = structlog.get_logger()
app = FastAPI()
problems.install(app)
app.add_middleware(RequestIds)


def fail(canary):
    try:
        raise KeyError(canary)
    except KeyError as error:
        error.add_note(f"note {canary}")
        raise ExceptionGroup(canary, [ValueError(f"the address {canary} is wrong")]) from error


@app.get("/crash")
async def crash():
    local = "canary-7f3a"
    log.info("request_seen", count=1)
    fail(local)


async def main():
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://mitra") as client:
        answer = await client.get("/crash", headers={"X-Request-Id": "request-1"})
        print(answer.status_code, answer.headers["x-request-id"], answer.text)
    try:
        fail("canary-7f3a")
    except ExceptionGroup as error:
        logging.getLogger("uvicorn.error").error("Exception in ASGI application %s", "canary-7f3a", exc_info=error)

    async def forgotten():
        fail("canary-7f3a")

    task = asyncio.create_task(forgotten())
    await asyncio.sleep(0.01)
    del task
    gc.collect()


asyncio.run(main())
"""


@pytest.fixture(scope="module")
def crashed() -> tuple[list[dict[str, Any]], str]:
    """The log lines and the answer of a process in which a request, a library and a forgotten task crash."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, "info"], capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()], done.stdout


def test_every_line_is_json_and_the_crash_is_found_by_its_request_id(crashed: tuple[list[dict[str, Any]], str]) -> None:
    lines, answer = crashed
    seen, failed, library, task = lines
    assert (seen["event"], seen["count"], seen["level"], seen["request_id"]) == ("request_seen", 1, "info", "request-1")
    assert seen["timestamp"].endswith("Z")
    assert (failed["event"], failed["path"], failed["error_type"]) == ("request_failed", "/crash", "ExceptionGroup")
    assert failed["request_id"] == "request-1"
    assert (library["logger"], library["level"]) == ("uvicorn.error", "error")
    assert (task["logger"], task["level"]) == ("asyncio", "error")
    assert answer.startswith("500 request-1 ")
    assert json.loads(answer.partition("{")[1] + answer.partition("{")[2])["request_id"] == "request-1"


def test_a_crash_shows_where_and_what_kind_and_never_a_value(crashed: tuple[list[dict[str, Any]], str]) -> None:
    lines, answer = crashed
    assert CANARY not in json.dumps(lines) + answer
    for line in lines[1:]:
        group, cause = line["exception"]
        assert (group["exc_type"], cause["exc_type"]) == ("ExceptionGroup", "KeyError")
        assert group["frames"][-1]["name"] == "fail"
        assert group["exceptions"][0][0]["exc_type"] == "ValueError"
        assert "locals" not in group["frames"][-1]


def test_what_is_below_the_level_is_not_written() -> None:
    program = (
        "from services import logs; import structlog as s; logs.configure('warning'); s.get_logger().info('a'); s.get_logger().warning('b')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["b"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError, match="LOUD"):
        logs.configure("loud")


def test_what_a_library_says_again_and_again_is_written_once_in_ten_seconds_with_how_often_it_was_said() -> None:
    seldom, line = logs.Seldom(), logs.LibraryLine()

    def said(second: float, lineno: int = 1, *, exc_info: Any = None) -> dict[str, Any] | None:
        record = logging.LogRecord("client", logging.ERROR, "client.py", lineno, "no broker", None, exc_info)
        record.created = second
        return json.loads(line.format(record)) if seldom.filter(record) else None

    first = said(0.0)
    assert first is not None
    assert "left_out" not in first
    assert [said(second) for second in (0.1, 5.0, 9.9)] == [None, None, None]
    assert said(9.9, lineno=2) is not None
    again = said(10.1)
    assert again is not None
    assert again["left_out"] == 3
    failed = ValueError, ValueError(), None
    assert all(said(10.2, exc_info=failed) for _ in range(2))
