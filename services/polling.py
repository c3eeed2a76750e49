"""How long to wait between two looks at a table that others write to."""

from time import monotonic

SHORTEST_SECONDS = 0.01
LONGEST_SECONDS = 0.08
GROWTH = 1.05


class Pauses:
    """10 ms while there is news; in silence longer and longer, 80 ms after two seconds of it.

    Slow growth keeps a company at work quick, a long last pause makes one that stands idle cheap (docs/decisions/0008). The longest
    pauses of all that look end together, so that a process wakes once for all its looks; `later_seconds` shifts those of who looks for
    what others have just moved.
    """

    def __init__(self, *, later_seconds: float = 0.0) -> None:
        self._seconds = SHORTEST_SECONDS
        self._later = later_seconds

    def after(self, *, news: bool) -> float:
        """The seconds to wait after a look that found news, or none."""
        self._seconds = SHORTEST_SECONDS if news else min(self._seconds * GROWTH, LONGEST_SECONDS)
        if self._seconds < LONGEST_SECONDS:
            return self._seconds
        return LONGEST_SECONDS - (monotonic() - self._later) % LONGEST_SECONDS
