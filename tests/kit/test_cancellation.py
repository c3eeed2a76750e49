"""A loop that outlives every error still ends when it is told to, also when its clean-up fails on the way out."""

import asyncio

import pytest

from services.cancellation import let_go_if_cancelled


async def test_an_error_of_the_clean_up_does_not_hide_that_a_task_was_told_to_end() -> None:
    async def work() -> None:
        while True:
            try:
                await _fails_when_ended()
            except ConnectionError:
                let_go_if_cancelled()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)


async def _fails_when_ended() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise ConnectionError("the connection is gone already")
