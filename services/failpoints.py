"""Named points at which a process can be told to die, so that a test can prove what a kill between two steps leaves behind."""

import os
import random
import signal
from collections.abc import Mapping

POINTS = (
    "write.before_event",
    "write.before_commit",
    "write.after_commit",
    "publish.before_append",
    "publish.before_commit",
    "publish.after_append",
    "publish.after_delete",
    "apply.after_offset",
    "apply.before_handlers",
    "apply.after_handlers",
    "commit.before",
    "commit.after",
)
SEND_POINTS = ("send.before_claim", "send.after_claim", "send.after_accept", "send.before_record", "send.after_record")
"""Those of a campaign's worker, which are reached only while a campaign sends."""
_armed: dict[str, float] = {}
_dice = random.Random()  # noqa: S311 - the dice of a test, not a secret


def arm(points: Mapping[str, float], *, seed: int | None = None) -> None:
    """Make this process kill itself (SIGKILL) at each named point with the given probability. Raises KeyError on an unknown name."""
    for name in points:
        if name not in (*POINTS, *SEND_POINTS):
            raise KeyError(f"no fail point is called {name}; there are {', '.join((*POINTS, *SEND_POINTS))}")
    _armed.clear()
    _armed.update(points)
    _dice.seed(seed)


def reach(name: str) -> None:
    """Die here if the point is armed and the dice say so; otherwise nothing."""
    if _armed and _dice.random() < _armed.get(name, 0.0):
        os.write(2, f'{{"event": "fail_point", "point": "{name}"}}\n'.encode())
        os.kill(os.getpid(), signal.SIGKILL)
