"""A loop that outlives every error still ends when it is told to, also when its clean-up fails on the way out."""

import asyncio
import contextlib

import pytest

from services.cancellation import let_go_if_cancelled
from services.worker import Worker
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


async def test_relay_consumer_and_jobs_end_when_they_are_told_to_while_their_database_goes(mitra: Mitra) -> None:
    worker = mitra.workers["demo"]
    for _ in range(5):
        tasks = [asyncio.create_task(run()) for run in _loops(worker)]
        await asyncio.sleep(0.05)
        await worker.database.engine.dispose()
        for task in tasks:
            task.cancel()
        done, pending = await asyncio.wait(tasks, timeout=10)
        assert (len(done), len(pending)) == (3, 0)
        for task in done:
            with contextlib.suppress(asyncio.CancelledError):
                task.result()


def _loops(worker: Worker):  # type: ignore[no-untyped-def]
    return worker.relay.run, worker.consumer.run, worker.jobs.run
