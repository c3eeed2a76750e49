"""Running a child process for what needs the heavy libraries: it loads them, does one thing, answers and ends (decision 0014)."""

import asyncio
import contextlib
import sys
from typing import Any

import orjson

from analytics_svc.settings import AnalyticsSettings, history_folder
from services.encoding import encode
from services.manifests import ROOT
from services.settings import Settings, plain_url

PROGRAM = "analytics_svc.history.child"
_turn = asyncio.Semaphore(1)


class ChildFailed(RuntimeError):
    """The child process ended without an answer."""


class ChildTooSlow(TimeoutError):
    """The child process did not answer in time, and was ended."""


async def ask_child(settings: Settings, task: str, arguments: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    """Have a child process carry out a task (`child.TASKS`) and answer. It is killed after `seconds`, and when the caller is cancelled.

    What it needs goes through its standard input, so that no address stands in a list of processes. Raises ChildFailed, ChildTooSlow.
    """
    asked = {
        "task": task,
        "arguments": arguments,
        "database_url": plain_url(settings.database("analytics")),
        "folder": str(history_folder(settings)),
        "fail_points": settings.fail_points,
        "seconds": seconds,
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", PROGRAM, stdin=pipe, stdout=pipe, cwd=ROOT)
    try:
        async with asyncio.timeout(seconds):
            answer, _ = await process.communicate(encode(asked))
    except TimeoutError:
        raise ChildTooSlow(f"{task} took more than {seconds:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode != 0:
        raise ChildFailed(f"{task} ended with {process.returncode}")
    found: dict[str, Any] = orjson.loads(answer)
    return found


async def ask_question(settings: Settings, question: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The answer of a child process, one question at a time. The time that one may take includes the wait for its turn.

    Raises ChildFailed, TimeoutError.
    """
    seconds = AnalyticsSettings().question_seconds
    async with asyncio.timeout(seconds), _turn:
        return await ask_child(settings, question, arguments, seconds=seconds)
