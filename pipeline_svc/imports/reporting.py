"""What a person sees of an import: the bar while it runs, the table at its end, and the file of refused rows."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipeline_svc.imports.rows import Rejection
from pipeline_svc.imports.sending import Counts

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
SO_FAR = "{task.fields[read]:,} rows, {task.fields[new]:,} new, {task.fields[known]:,} known, {task.fields[rejected]:,} rejected"
LONGEST_SHOWN = 2_000


class RejectedFile:
    """The refused rows as CSV: line, code, message and the raw text. It is of this run alone, and goes where nothing was refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file)
        self._csv.writerow(("line", "code", "message", "raw"))

    def write(self, rejections: Sequence[Rejection]) -> None:
        """Append rows. Bytes that are no UTF-8 are shown as \\xNN; a cell that would start a formula in a spreadsheet is quoted."""
        self.written += len(rejections)
        self._csv.writerows(
            (each.line.number, each.code, _cell(each.message), _cell(each.line.raw[:LONGEST_SHOWN].decode(errors="backslashreplace")))
            for each in rejections
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self.written:
            self.path.unlink()


@contextmanager
def shown_progress(console: Console, *, size: int | None) -> Iterator[Callable[[Counts, int], None]]:
    """A bar over the bytes of the file (`size`, where it is known); yields what to call with the counts and the bytes read."""
    columns = (BarColumn(), TaskProgressColumn(show_speed=False), TextColumn(SO_FAR), TextColumn("{task.fields[rate]:,.0f} rows/s"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("rows", total=size, read=0, new=0, known=0, rejected=0, rate=0.0)
        task = progress.tasks[0]

        def show(counts: Counts, position: int) -> None:
            seen: dict[str, Any] = {"read": counts.read, "new": counts.new, "known": counts.known, "rejected": counts.rejected}
            settled = counts.accepted + counts.rejected
            progress.update(bar, completed=max(position, task.completed), rate=settled / (task.elapsed or 1.0), **seen)

        yield show


def table_of(counts: Counts, *, seconds: float, rejected: Path) -> Table:
    """The counts at the end, with where the refused rows are."""
    table = Table("rows", "", "", show_header=False)
    table.add_row("read", f"{counts.read:,}", "without the header line" if counts.header else "")
    table.add_row("accepted", f"{counts.accepted:,}", f"{counts.new:,} new, {counts.known:,} known before")
    table.add_row("rejected", f"{counts.rejected:,}", f"see {rejected}" if counts.rejected else "")
    table.add_row("rows/s", f"{counts.read / seconds:,.0f}", f"in {seconds:.1f} s")
    return table


def line_of(counts: Counts, *, seconds: float, rejected: Path) -> str:
    """The counts at the end as one line of JSON."""
    found = {
        "read": counts.read,
        "accepted": counts.accepted,
        "new": counts.new,
        "known": counts.known,
        "rejected": counts.rejected,
        "header": counts.header,
        "seconds": round(seconds, 3),
        "rejected_file": str(rejected) if counts.rejected else None,
    }
    return orjson.dumps(found).decode()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
