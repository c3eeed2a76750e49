"""Customer value at 1 and 10 million customers: CPU seconds beside the reference, and the peak memory of a process that only does this.

`python -m bench.value_at_scale 10000000` prints the figures of any size. The section `value` has those of 1 million, and with
MITRA_BENCH_TEN_MILLION=1 those of 10 million too (a minute, 2 GB).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from analytics_svc.value import families, gamma_gamma, statistics
from analytics_svc.value.families import PurchaseModel
from bench.populations import Population, generate

MILLION = 1_000_000
HORIZON_WEEKS = 39.0
FACTOR = 2.0
TITLES: dict[families.FamilyName, str] = {"bg_nbd": "BG/NBD", "mbg_nbd": "MBG/NBD", "pareto_nbd": "Pareto/NBD"}
# CPU seconds on the same two cores (reference sheet for value, section 3); where it gives a range, its upper end. MBG/NBD has no row of
# its own there and stands beside BG/NBD; all three families are scored against the one row of scores.
REFERENCE: dict[str, dict[int, float]] = {
    "BG/NBD fit": {MILLION: 0.5, 10 * MILLION: 2.8},
    "MBG/NBD fit": {MILLION: 0.5, 10 * MILLION: 2.8},
    "Pareto/NBD fit": {MILLION: 4.4, 10 * MILLION: 8.3},
    "Gamma-Gamma fit": {MILLION: 0.067, 10 * MILLION: 1.0},
    "score all": {MILLION: 0.05, 10 * MILLION: 1.4},
}
MOST_GIGABYTES = {MILLION: 0.5, 10 * MILLION: 2.0}


def rows() -> list[dict[str, Any]]:
    """The rows of the table: 1 million customers, and 10 million where that was asked for."""
    wanted = [MILLION, 10 * MILLION] if os.environ.get("MITRA_BENCH_TEN_MILLION") else [MILLION]
    return [row for customers in wanted for row in _rows(customers)]


def _rows(customers: int) -> list[dict[str, Any]]:
    found = run(customers)
    memory = found.pop("peak GB")
    most = MOST_GIGABYTES[customers]
    return [_row(what, customers, seconds) for what, seconds in found.items()] + [{
        "what": f"peak memory of all of these, {customers:,} customers, GB",
        "measured": memory,
        "baseline": None,
        "bar": f"≤ {most}",
        "holds": memory <= most,
    }]  # fmt: skip


def _row(what: str, customers: int, seconds: float) -> dict[str, Any]:
    reference = REFERENCE[what.partition(",")[0]][customers]
    return {
        "what": f"{what}, {customers:,} customers alone, CPU seconds",
        "measured": seconds,
        "baseline": reference,
        "baseline_is": "a lean implementation on the same two cores",
        "bar": f"≤ {FACTOR:.0f} x the reference",
        "holds": seconds <= FACTOR * reference,
    }


def run(customers: int) -> dict[str, float]:
    """The figures of a size: one process makes the customers and ends, another reads and measures them."""
    with tempfile.TemporaryDirectory() as folder:
        for step in ("make", "measure"):
            done = subprocess.run(
                [sys.executable, "-m", "bench.value_at_scale", str(customers), step, folder], check=True, capture_output=True, text=True
            )
    found: dict[str, float] = orjson.loads(done.stdout)
    return found


def make(customers: int, folder: Path) -> None:
    """Write the customers of a size to a folder."""
    population = generate(customers)
    for name in Population.__slots__:
        np.save(folder / f"{name}.npy", getattr(population, name))


def measure(customers: int, folder: Path) -> dict[str, float]:
    """CPU seconds of every fit (from the customers themselves) and of scoring them all, and the peak memory of this process."""
    p = Population(*(np.load(folder / f"{name}.npy") for name in Population.__slots__))
    repeats = 3 if customers <= MILLION else 1
    histories, row = statistics.collapse(p.x, p.t_x, p.age)
    found: dict[str, float] = {}
    for name in families.NAMES:
        model = PurchaseModel(name, families.fit(name, histories).parameters)
        found[f"{TITLES[name]} fit"] = cpu_seconds(partial(fit, name, p), repeats)
        found[f"score all, {TITLES[name]}"] = cpu_seconds(partial(score, model, histories, row), repeats)
    found["Gamma-Gamma fit"] = cpu_seconds(lambda: gamma_gamma.fit(p.x, p.mean_spend), repeats)
    return found | {"peak GB": peak_gigabytes()}


def fit(name: families.FamilyName, p: Population) -> families.PurchaseFit:
    """A fit of a family, from the customers themselves."""
    return families.fit(name, statistics.collapse(p.x, p.t_x, p.age)[0])


def score(model: PurchaseModel, histories: statistics.Histories, row: statistics.Integers) -> tuple[statistics.Floats, statistics.Floats]:
    """P(alive) and the purchases expected of every customer."""
    alive = families.p_alive(model, histories)
    return alive[row], families.expected_purchases(model, histories, HORIZON_WEEKS, alive=alive)[row]


def cpu_seconds(work: Callable[[], object], repeats: int) -> float:
    """The best of several runs, in CPU seconds of the whole process."""
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def peak_gigabytes() -> float:
    """The most that this program has held. Not ru_maxrss, which a program inherits from the one that started it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def main(customers: int, step: str = "", folder: str = "") -> None:
    """Both steps with the figures, or one of them."""
    if step == "make":
        make(customers, Path(folder))
    else:
        found = measure(customers, Path(folder)) if step else run(customers)
        print(orjson.dumps(found).decode())


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
