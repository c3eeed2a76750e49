"""What a loop that outlives errors owes to whoever ends it."""

import asyncio


def let_go_if_cancelled() -> None:
    """Raises CancelledError where the running task was told to end: neither what its clean-up raised meanwhile nor a library that
    took the cancellation for the end of a wait may hide that.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
