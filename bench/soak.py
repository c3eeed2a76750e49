"""A soak: mixed load on a `mitra up` in a fresh folder, whose memory must stay flat, whose outboxes empty and whose parking places free."""

import asyncio
import contextlib
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from bench.mixed_load import Load
from bench.samples import CHILDREN, SHARED, Observer, Samples, cpu_seconds
from bench.slopes import growth_percent
from tests.chaos.mailing import mail_server
from tests.journeys.company import Company, fresh_folder, started

MINUTES, WARM_UP_MINUTES = 20.0, 5.0
PIECES_A_SECOND = 5.0
WEIGH_SECONDS, LOOK_SECONDS = 5.0, 0.25
CAMPAIGN_SECONDS, FIT_SECONDS, COHORT_SECONDS = 120.0, 300.0, 60.0
MOST_GROWTH, MOST_AGE = 1.0, 1.0
Row = dict[str, Any]


def rows(minutes: float = MINUTES) -> list[Row]:
    """The rows of the table, after `minutes` of load (and the start before it)."""
    return asyncio.run(_soaked(minutes))


async def _soaked(minutes: float) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="mitra-bench-") as notes, fresh_folder() as folder:
        async with mail_server(Path(notes) / "accepted.txt") as smtp_url:
            with started(folder, MITRA_SMTP_URL=smtp_url) as company:
                load, observer = await _under_load(company, minutes * 60)
            errors = _errors_in(company.printed())
    return _verdict(load, observer.samples, errors, minutes)


async def _under_load(company: Company, seconds: float) -> tuple[Load, Observer]:
    key = await asyncio.to_thread(company.found_tenant)
    observer = Observer(company.process.pid, company.folder)
    await observer.connect()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=company.url, headers=headers, timeout=30.0) as client:
        load = Load(client, seed=20261122)
        await load.found()
        began, busy, ours = time.monotonic(), _busy_seconds(), cpu_seconds(psutil.Process())
        beside = [
            load.listen(),
            _again(WEIGH_SECONDS, lambda: asyncio.to_thread(observer.weigh, time.monotonic() - began)),
            _again(LOOK_SECONDS, observer.look),
            _again(CAMPAIGN_SECONDS, load.campaign),
            _again(FIT_SECONDS, load.fit),
            _again(COHORT_SECONDS, load.cohorts),
        ]
        tasks = [asyncio.create_task(each) for each in beside]
        await load.run(a_second=PIECES_A_SECOND, until=began + seconds)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
    others = _busy_seconds() - busy - (cpu_seconds(psutil.Process()) - ours)
    observer.samples.cores_of_others = others / (time.monotonic() - began)
    await observer.close()
    return load, observer


async def _again(every: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` every so many seconds until cancelled; what a request answered wrong is noted by the load."""
    while True:
        with contextlib.suppress(httpx.HTTPError):
            await work()
        await asyncio.sleep(every)


def _busy_seconds() -> float:
    """What all processes of this machine have computed so far."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def _errors_in(printed: str) -> int:
    """How many lines of the log of all processes tell of an error."""
    return len(re.findall(r'"level": ?"(?:error|critical)"|Traceback', printed))


def _verdict(load: Load, samples: Samples, errors: int, minutes: float) -> list[Row]:
    others = _row(f"cores of {psutil.cpu_count()} that others took meanwhile", samples.cores_of_others)
    return [*_memory(samples, minutes), *_tables(samples), *_door(load, errors, minutes), others]


def _memory(samples: Samples, minutes: float) -> list[Row]:
    """Growth of each part after the warm-up. What the server shares is its cache of pages: it fills up to 128 MB, and is not judged."""
    warm = min(WARM_UP_MINUTES, minutes / 4) * 60
    first = next(number for number, at in enumerate(samples.seconds) if at >= warm)
    seconds = samples.seconds[first:]
    judged = {part: sizes[first:] for part, sizes in samples.megabytes.items() if part not in (SHARED, CHILDREN)}
    judged["all of these"] = [sum(sizes) for sizes in zip(*judged.values(), strict=True)]
    return [_growth(part, seconds, sizes) for part, sizes in judged.items()] + [
        _growth(SHARED, seconds, samples.megabytes[SHARED][first:], judged=False),
        _row(f"{CHILDREN}, MB at most", max(samples.megabytes[CHILDREN])),
    ]


def _growth(part: str, seconds: Sequence[float], sizes: Sequence[float], *, judged: bool = True) -> Row:
    grows = growth_percent(seconds, sizes)
    bar = f"< {MOST_GROWTH:g}" if judged else "reported"
    baseline = {"baseline": sizes[0], "baseline_is": "MB after the warm-up"}
    return _row(f"memory of {part}, % in ten minutes", grows, bar=bar, holds=not judged or grows < MOST_GROWTH, **baseline)


def _tables(samples: Samples) -> list[Row]:
    found = []
    for name, ages in samples.ages.items():
        waiting = [age for age in ages if age > 0] or [0.0]
        late, most = np.percentile(waiting, 99), max(waiting)
        measured = {"baseline": float(np.median(waiting)), "baseline_is": f"the median; at most {most:.2f}"}
        what = f"outbox of {name}, age of its oldest event where one waits, p99 s"
        found.append(_row(what, float(late), bar=f"< {MOST_AGE:g}", holds=bool(late < MOST_AGE), **measured))
    parked = sum(samples.most_parked.values())
    return [*found, _row("events parked in all services at most", parked, bar="0", holds=parked == 0)]


def _door(load: Load, errors: int, minutes: float) -> list[Row]:
    for answer, count in load.unexpected.most_common():
        print(f"unexpected: {answer} ({count})")
    half, late = np.percentile(load.seconds, [50, 99]) * 1000
    unexpected = load.unexpected.total()
    return [
        _row(f"requests a second over {minutes:g} minutes", len(load.seconds) / minutes / 60),
        _row("request, p50 ms", float(half)),
        _row("request, p99 ms", float(late)),
        _row("pieces of work left out because too many were under way", load.left_out),
        _row("events heard on a stream held open", load.heard),
        _row("answers that were not what they had to be", unexpected, bar="0", holds=unexpected == 0),
        _row("errors in the logs", errors, bar="0", holds=errors == 0),
    ]


def _row(what: str, measured: float, *, bar: str = "reported", holds: bool = True, **more: Any) -> Row:
    return {"what": what, "measured": measured, "bar": bar, "holds": holds, **more}


if __name__ == "__main__":
    for row in rows(3.0):
        print(row)
