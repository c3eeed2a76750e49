"""What a loop that outlives errors owes to whoever ends it, and what it is owed when nobody does."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class EndedUntold(RuntimeError):
    """A loop that was to go on until it is told to end has ended."""


def let_go_if_cancelled() -> None:
    """Raises CancelledError where the running task was told to end: neither what its clean-up raised meanwhile nor a library that
    took the cancellation for the end of a wait may hide that.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def until_told(loop: Coroutine[Any, Any, None]) -> None:
    """Run a loop that ends by cancellation alone. Raises EndedUntold where it ends by itself.

    A cancellation that nobody asked for is such an end: a library let one of its own tasks' through. A task group takes it for an
    ordinary end, and would go on without the loop.
    """
    try:
        await loop
    except asyncio.CancelledError:
        let_go_if_cancelled()
    raise EndedUntold(getattr(loop, "__qualname__", "a loop"))
