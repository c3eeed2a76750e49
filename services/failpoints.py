"""Named points at which a process can be told to die, so that a test can prove what a kill between two steps leaves behind."""

import os
import random
import signal
from collections.abc import Iterable, Mapping

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
"""Those of the kit. A service names its own in its manifest (`fail_points`)."""
_armed: dict[str, float] = {}
_dice = random.Random()  # noqa: S311 - the dice of a test, not a secret


def arm(points: Mapping[str, float], *, seed: int | None = None, known: Iterable[str] = POINTS) -> None:
    """Make this process kill itself (SIGKILL) at each named point with the given probability. Raises KeyError on an unknown name."""
    names = tuple(known)
    for name in points:
        if name not in names:
            raise KeyError(f"no fail point is called {name}; there are {', '.join(names)}")
    _armed.clear()
    _armed.update(points)
    _dice.seed(seed)


def reach(name: str) -> None:
    """Die here if the point is armed and the dice say so; otherwise nothing."""
    if _armed and _dice.random() < _armed.get(name, 0.0):
        os.write(2, f'{{"event": "fail_point", "point": "{name}"}}\n'.encode())
        os.kill(os.getpid(), signal.SIGKILL)
