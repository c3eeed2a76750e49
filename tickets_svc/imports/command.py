"""`mitra import tickets`: the log of a help desk in, through the HTTP API."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import orjson
import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.client import Key, NotAnswered, Url, api_client
from services.contracts import Code

from .replay import Case, LogUnclear, read_cases
from .sending import Counts, send_log

SOME_REFUSED, FAILED = 3, 1
SO_FAR = "{task.fields[new]:,} new, {task.fields[known]:,} known, {task.fields[rejected]:,} rejected"

imports = typer.Typer(no_args_is_help=True)
console = Console()

Source = Annotated[Path, typer.Argument(metavar="FILE", help="a log with the columns CaseID,ActivityID,CompleteTimestamp", exists=True)]
Label = Annotated[str, typer.Option(help="the name of the origin, the same for every file of it: cases and steps are known by it")]
Batch = Annotated[int, typer.Option(min=1, max=500, help="rows in a request")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no bar; the counts as one line of JSON")]


@imports.command()
def tickets(file: Source, label: Label = "helpdesk", batch: Batch = 500, quiet: Quiet = False, url: Url = "", key: Key = "") -> None:
    """Replay the log of a help desk at its own times (UTC): docs/import-tickets.md says what each activity means. What is there already
    stays as it is, so a replay that broke off is finished by running it again. Exit: 0 done, 3 some rows were refused, 1 it broke off.
    """
    cases = _read(file, label)
    begun = time.monotonic()
    try:
        counts = asyncio.run(_send(cases, label, batch=batch, quiet=quiet, url=url, key=key))
    except NotAnswered as error:
        typer.echo(f"The import broke off: {error}. What was sent stands; run the same command again for the rest.", err=True)
        raise typer.Exit(FAILED) from None
    found = {"read": counts.read, "new": counts.new, "known": counts.known, "rejected": counts.rejected, "cases": len(cases)}
    typer.echo(orjson.dumps(found | {"seconds": round(time.monotonic() - begun, 3)}).decode())
    raise typer.Exit(SOME_REFUSED if counts.rejected else 0)


def _read(file: Path, label: str) -> list[Case]:
    try:
        TypeAdapter(Code).validate_python(label)
        with file.open(encoding="utf-8", newline="") as lines:
            return read_cases(lines)
    except ValidationError:
        raise typer.BadParameter("a label is made of letters, digits and _ . : / # + -, 128 at most") from None
    except (LogUnclear, UnicodeDecodeError) as error:
        raise typer.BadParameter(str(error)) from None


async def _send(cases: list[Case], label: str, *, batch: int, quiet: bool, url: str, key: str) -> Counts:
    columns = (BarColumn(), TaskProgressColumn(), TextColumn(SO_FAR), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        bar = progress.add_task("rows", total=sum(len(case.activities) for case in cases), new=0, known=0, rejected=0)

        def show(counts: Counts) -> None:
            settled = counts.new + counts.known + counts.rejected
            progress.update(bar, completed=settled, new=counts.new, known=counts.known, rejected=counts.rejected)

        async with api_client(url, key) as client:
            return await send_log(client, cases, label=label, batch=batch, on_progress=show)
