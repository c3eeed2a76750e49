"""The whole company as processes: how long a commit takes to be seen in a projection, and what it costs to stand idle."""

import statistics
import time
from typing import Any

import httpx
import psutil

from bench.samples import cpu_seconds
from services.identifiers import new_id
from tests.journeys.company import Company, fresh_folder, started

COMMITS = 200
IDLE_SECONDS = 20.0


def rows() -> list[dict[str, Any]]:
    """Measure on a running `mitra up` and answer the rows."""
    with fresh_folder() as folder, started(folder) as company:
        key = company.found_tenant()
        idle = _idle(company)
        return [*_visible(company, key), *idle]


def _visible(company: Company, key: str) -> list[dict[str, Any]]:
    """From the answer of a placed order to its fact in analytics, seen by a reader that waits for the version."""
    seconds = []
    with httpx.Client(base_url=company.url, headers={"Authorization": f"Bearer {key}"}, timeout=30.0) as client:
        for _ in range(COMMITS):
            body = {"contact_id": str(new_id()), "currency": "USD", "status": "placed", "total_minor": 1177}
            order = client.post("/v1/orders", json=body).raise_for_status()
            started_at = time.perf_counter()
            version = {"Mitra-Version": order.headers["Mitra-Version"]}
            client.get(f"/v1/customers/{body['contact_id']}/value", headers=version)
            seconds.append(1000 * (time.perf_counter() - started_at))
    cuts = statistics.quantiles(seconds, n=100)
    return [
        {"what": "commit → projection visible, p50 ms", "measured": cuts[49], "bar": "≤ 100", "holds": cuts[49] <= 100},
        {"what": "commit → projection visible, p99 ms", "measured": cuts[98], "bar": "≤ 500", "holds": cuts[98] <= 500},
    ]


def _idle(company: Company) -> list[dict[str, Any]]:
    """CPU of every process of `mitra up` while nothing happens (its database server too, and what ended meanwhile), and their
    proportional memory.
    """
    top = psutil.Process(company.process.pid)
    time.sleep(5.0)
    before = cpu_seconds(top)
    time.sleep(IDLE_SECONDS)
    share = 100 * (cpu_seconds(top) - before) / IDLE_SECONDS
    memory = sum(process.memory_full_info().pss for process in (top, *top.children(recursive=True))) / 2**20
    return [
        {"what": "idle `mitra up`, % of a core", "measured": share, "bar": "≤ 5", "holds": share <= 5},
        {"what": "idle `mitra up`, MB PSS in all", "measured": memory, "bar": "≤ 600", "holds": memory <= 600},
    ]


if __name__ == "__main__":
    for row in rows():
        print(row)
