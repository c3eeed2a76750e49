"""How fast a real purchase log goes in through the gateway, what that costs each process, and how much an importer grows."""

import json
import time
from typing import Any
from zoneinfo import ZoneInfo

import psutil

from pipeline_svc.imports.lines import split_lines
from pipeline_svc.imports.rows import Reading, read_purchases
from tests.journeys.company import ROOT, Company, fresh_folder, started
from tests.journeys.streams import OPTIONS, grow

CDNOW_MASTER = ROOT.parent / "shared" / "data" / "cdnow" / "CDNOW_master.txt"
ROWS = 69_659
ORDERS_A_SECOND = 1_500
STREAM_BYTES = 300_000_000
MOST_GROWTH_BYTES = 50_000_000

Row = dict[str, Any]


def rows() -> list[Row]:
    """The rows of the table: the log for the first time and for the second, and a long stream of which 99 % is refused."""
    with fresh_folder() as folder, started(folder) as company:
        key = company.found_tenant()
        return [_first(company, key), _second(company, key), _growth(company, company.found_tenant())]


def import_log(company: Company, key: str) -> Row:
    """The counts of an import of the whole log, as the command prints them."""
    options = ("--label", "cdnow", "--url", company.url, "--key", key)
    done = company.run("import", "purchases", str(CDNOW_MASTER), *OPTIONS, *options, timeout=900)
    assert done.returncode == 0, done.stderr
    counts: Row = json.loads(done.stdout)
    return counts


def _first(company: Company, key: str) -> Row:
    processes = _processes(company)
    before = {name: _cpu(process) for name, process in processes.items()}
    counts = import_log(company, key)
    spent = ", ".join(f"{name} {_cpu(process) - before[name]:.0f}" for name, process in processes.items())
    rate = counts["new"] / counts["seconds"]
    return {
        "what": "CDNOW log of 69,659 rows through the gateway, workers running, orders a second",
        "measured": rate,
        "baseline": _parsed_a_second(),
        "baseline_is": f"rows a second that the parser reads alone (CPU seconds of the import: {spent})",
        "bar": f"≥ {ORDERS_A_SECOND:,}",
        "holds": rate >= ORDERS_A_SECOND and counts["new"] == ROWS,
    }


def _second(company: Company, key: str) -> Row:
    counts = import_log(company, key)
    return {
        "what": "the same log again, orders new",
        "measured": counts["new"],
        "baseline": counts["known"] / counts["seconds"],
        "baseline_is": "rows a second that are found to be known",
        "bar": "0",
        "holds": counts["new"] == 0 and counts["known"] == ROWS,
    }


def _growth(company: Company, key: str) -> Row:
    resident = grow(company, key, STREAM_BYTES)
    growth = resident[-1] - resident[0]
    return {
        "what": f"a stream of {STREAM_BYTES // 10**6} MB, 99 % refused: growth of the importer from first to last tenth, MB",
        "measured": growth / 1e6,
        "baseline": resident[0] / 1e6,
        "baseline_is": "MB resident after the first tenth",
        "bar": f"< {MOST_GROWTH_BYTES // 10**6}",
        "holds": growth < MOST_GROWTH_BYTES,
    }


def _parsed_a_second() -> float:
    reading = Reading(("customer", "date", "quantity", "amount"), "USD", ZoneInfo("America/New_York"))
    begun = time.perf_counter()
    with CDNOW_MASTER.open("rb") as source:
        read = sum(1 for _ in read_purchases(split_lines(iter(lambda: source.read(1 << 18), b"")), reading))
    return read / (time.perf_counter() - begun)


def _processes(company: Company) -> dict[str, psutil.Process]:
    """The processes of a company by what they do."""
    found = {}
    for child in psutil.Process(company.process.pid).children():
        words = child.cmdline()
        found[next((name for name in ("serve", "work") if name in words), "postgres")] = child
    return found


def _cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and of all that it started."""
    own = process.cpu_times()
    others = [one.cpu_times() for one in process.children(recursive=True)]
    return float(own.children_user + own.children_system + sum(each.user + each.system for each in (own, *others)))


if __name__ == "__main__":
    for row in rows():
        print(row)
