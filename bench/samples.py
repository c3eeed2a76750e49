"""What a running `mitra up` looks like from outside, moment by moment: the memory of its processes, and what waits in its tables.

Of our own processes the resident memory counts. Of the many of PostgreSQL what each has of its own, and apart from it the pages that they
share, once: what they map of their program never grows.
"""

import contextlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil

from services import up
from services.manifests import discover
from services.settings import Settings, plain_url

POSTGRES, SHARED, CHILDREN = "PostgreSQL, private", "PostgreSQL, shared buffers", "children of the history"
WAITING = """
SELECT (SELECT extract(epoch FROM clock_timestamp() - (event::json ->> 'recordedtime')::timestamptz)::float
        FROM outbox ORDER BY id LIMIT 1) AS age,
       (SELECT count(*) FROM parked) AS parked
"""


@dataclass
class Samples:
    """Megabytes of each part, at the seconds that they were seen; the ages of the oldest outbox rows; how many events were parked;
    how many cores others took all the while.
    """

    seconds: list[float] = field(default_factory=list)
    megabytes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    most_parked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cores_of_others: float = 0.0


class Observer:
    """Looks at the processes below `pid` and at the databases of the services."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.samples = Samples()
        self._pid = pid
        self._settings = up.running_settings(Settings(folder=folder / ".mitra"))
        self._connections: dict[str, asyncpg.Connection[asyncpg.Record]] = {}

    async def connect(self) -> None:
        """One connection to the database of each service."""
        for manifest in discover(""):
            self._connections[manifest.name] = await asyncpg.connect(plain_url(self._settings.database(manifest.name)))

    async def close(self) -> None:
        """Give the connections back."""
        for connection in self._connections.values():
            await connection.close()

    def weigh(self, at: float) -> None:
        """Note the memory of every part."""
        found = dict.fromkeys(("up", "serve", "work", CHILDREN, POSTGRES, SHARED), 0.0)
        top = psutil.Process(self._pid)
        mine = {connection.get_server_pid() for connection in self._connections.values()}
        for process in (top, *top.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, OSError):  # it has ended meanwhile
                if process.pid not in mine:
                    _add(found, _part_of(process, top), _megabytes_of(process.pid))
        self.samples.seconds.append(at)
        for part, size in found.items():
            self.samples.megabytes[part].append(size)

    async def look(self) -> None:
        """Note in each service how old the oldest row of the outbox is, where one waits, and how many events are parked."""
        for name, connection in self._connections.items():
            age, parked = await connection.fetchrow(WAITING) or (None, 0)
            self.samples.ages[name].append(age or 0.0)
            self.samples.most_parked[name] = max(self.samples.most_parked[name], parked)


def _part_of(process: psutil.Process, top: psutil.Process) -> str:
    if process.pid == top.pid:
        return "up"
    command = process.cmdline()
    if "analytics_svc.history.child" in command:
        return CHILDREN
    return next((part for part in ("serve", "work") if part in command), POSTGRES)


def _add(found: dict[str, float], part: str, sizes: dict[str, float]) -> None:
    if part == POSTGRES:
        found[POSTGRES] += sizes["Pss_Anon"]
        found[SHARED] += sizes["Pss_Shmem"]
    else:
        found[part] += sizes["Rss"]


def _megabytes_of(pid: int) -> dict[str, float]:
    """What the system says of a process's memory, by the name of the line."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {name.removesuffix(":"): int(kilobytes) / 1024 for name, kilobytes, *_ in lines}


def cpu_seconds(top: psutil.Process) -> float:
    """What `top` and those below it have computed so far, those that have ended included."""
    found = 0.0
    for process in (top, *top.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends just now
            found += sum(process.cpu_times()[:4])
    return found
