"""A loop that outlives every error still ends when it is told to, also when its clean-up fails on the way out."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import pytest

from services.cancellation import EndedUntold, let_go_if_cancelled, until_told
from tests.harness import Mitra


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


async def test_a_loop_that_a_library_broke_off_ends_loudly_not_as_if_it_had_been_told_to() -> None:
    async def broken_off() -> None:
        ended = asyncio.create_task(asyncio.sleep(60))
        ended.cancel()
        await ended

    async def returns() -> None:
        pass

    async def work(loop: Coroutine[Any, Any, None]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(until_told(loop))
            group.create_task(asyncio.sleep(60))

    for loop in (broken_off(), returns()):
        with pytest.raises(ExceptionGroup) as caught:
            await work(loop)
        assert caught.group_contains(EndedUntold)


async def test_a_loop_that_is_told_to_end_ends_as_told() -> None:
    task = asyncio.create_task(until_told(asyncio.sleep(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Deaf:
    """A reader whose client takes a cancellation for the end of its wait, as one of Kafka may."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()

    async def owned(self) -> frozenset[Any]:
        return frozenset()

    async def read(self, *_positions: Any, **_limits: Any) -> list[Any]:
        self.waiting.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return []


async def test_a_consumer_ends_though_its_reader_swallows_that_it_was_told_to(mitra: Mitra, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, reader = mitra.workers["demo"].consumer, Deaf()
    monkeypatch.setattr(consumer, "_reader", reader)
    task = asyncio.create_task(consumer.run())
    await reader.waiting.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=2)
    task.cancel()
    assert done == {task}
    assert task.cancelled()
