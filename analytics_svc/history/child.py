"""The program of the child process: reads one task from its standard input, carries it out and writes the answer."""

import asyncio
import math
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import orjson

from services import failpoints
from services.encoding import encode

FAIL_POINTS = ("flush.before_commit", "flush.after_commit", "flush.before_append", "flush.after_append")
"""Where a test may have a child die. Its dice have no seed: with one, every child would die at the same step and none get further."""
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Task = Callable[[Connection, Path, dict[str, Any]], Awaitable[dict[str, Any]]]


async def _flush(connection: Connection, folder: Path, _arguments: dict[str, Any]) -> dict[str, Any]:
    from analytics_svc.history import flushing

    return await flushing.flush(connection, folder)


async def _tidy(connection: Connection, folder: Path, _arguments: dict[str, Any]) -> dict[str, Any]:
    from analytics_svc.history import flushing

    return await flushing.tidy(connection, folder)


async def _orders_by_cohort(connection: Connection, folder: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    from analytics_svc.cohorts import questions

    return await questions.orders_by_cohort(connection, folder, arguments)


async def _repeat_intervals(connection: Connection, folder: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    from analytics_svc.cohorts import questions

    return await questions.repeat_intervals(connection, folder, arguments)


TASKS: Mapping[str, Task] = {
    "flush": _flush,
    "tidy": _tidy,
    "orders_by_cohort": _orders_by_cohort,
    "repeat_intervals": _repeat_intervals,
}


async def carry_out(asked: dict[str, Any]) -> dict[str, Any]:
    """Carry out a task on a connection of its own, as the role mitra_app."""
    settings = {"application_name": f"mitra history {asked['task']}", "jit": "off"}
    connection = await asyncpg.connect(asked["database_url"], server_settings=settings)
    try:
        return await TASKS[asked["task"]](connection, Path(asked["folder"]), asked["arguments"])
    finally:
        await connection.close()


def main() -> None:
    """Read, carry out, answer."""
    asked = orjson.loads(sys.stdin.buffer.read())
    points = {name: chance for name, chance in asked["fail_points"].items() if name in FAIL_POINTS}
    failpoints.arm(points, known=FAIL_POINTS)
    signal.alarm(math.ceil(asked["seconds"]) + 1)  # who would end it may itself be gone
    answer = encode(asyncio.run(carry_out(asked)))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # where whoever asked is gone, there is nobody to complain to
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
