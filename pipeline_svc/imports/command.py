"""`mitra import`: files in, through the HTTP API. (It is a client: it needs no database and may run on another machine.)"""

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.console import Console

from pipeline_svc.imports.layout import LayoutUnclear, columns_of, delimiter_of
from pipeline_svc.imports.lines import split_lines
from pipeline_svc.imports.reporting import RejectedFile, line_of, shown_progress, table_of
from pipeline_svc.imports.rows import Reading, read_purchases
from pipeline_svc.imports.sending import CODE, Counts, Piece, Sending, cut
from services import memory
from services.client import Key, NotAnswered, Url, api_client
from services.clock import utc_now
from services.errors import Refusal
from services.money import digits_of

SOME_REFUSED, FAILED = 3, 1
CHUNK_BYTES = 256 * 1024
ROWS_A_PIECE = 5_000
STANDARD_INPUT = Path("-")

imports = typer.Typer(help="Bring data in from files: purchases, opportunities.", no_args_is_help=True)
console = Console()

Source = Annotated[Path, typer.Argument(metavar="FILE", help="the file; - is standard input")]
Columns = Annotated[str, typer.Option(help="what each column holds: customer,date,quantity,amount,currency; - skips one")]
Currency = Annotated[str, typer.Option(help="the currency of the amounts (ISO 4217)")]
Zone = Annotated[str, typer.Option(help="the time zone of the dates (IANA); an order is placed at noon of its day there")]
Label = Annotated[str, typer.Option(help="the name of the origin, the same for every file of it: customers and rows are known by it")]
Delimiter = Annotated[str, typer.Option(help="comma, semicolon, tab or blank (default: as the first lines show)")]
HasHeader = Annotated[bool | None, typer.Option("--header/--no-header", help="whether the first line names columns (default: as it looks)")]
DateFormat = Annotated[str, typer.Option(help="the form of the dates, as strptime takes it (default: yyyymmdd or yyyy-mm-dd)")]
Batch = Annotated[int, typer.Option(min=1, max=500, help="rows in a request")]
Rejected = Annotated[Path | None, typer.Option(help="where refused rows are written (default: rejected-<label>.csv)")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no bar; the counts as one line of JSON")]


@imports.callback()
def _group() -> None:
    """Bring data in from files."""


@imports.command()
def purchases(
    file: Source,
    columns: Columns,
    currency: Currency,
    tz: Zone,
    label: Label,
    delimiter: Delimiter = "",
    header: HasHeader = None,
    date_format: DateFormat = "",
    batch: Batch = 500,
    rejected: Rejected = None,
    quiet: Quiet = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Import a log of purchases: a customer, a day and an amount in each row. Each row becomes an order that is placed, paid and
    fulfilled. Rows that are orders already stay as they are, so an import that broke off is repaired by running it again.

    A row is known by what it says and by how often that was said before it in the file: import a growing file whole, always under the
    same label. Exit: 0 every row was accepted, 3 some were refused, 2 wrong usage, 1 it broke off.
    """
    reading = _reading(columns, currency, tz=tz, delimiter=delimiter, header=header, date_format=date_format)
    _check(file)
    check_label(label)
    refused = rejected or Path(f"rejected-{re.sub('[/:]', '-', label)}.csv")
    client = api_client(url, key)
    memory.set_apart_what_is_loaded()
    begun = time.monotonic()
    try:
        size = file.stat().st_size if file.is_file() else None
        with _opened(file) as source, RejectedFile(refused) as written, shown(size, quiet=quiet) as show:
            sending = Sending(client, label=label, on_progress=show, on_rejected=written.write)
            counts = asyncio.run(sending.run(_pieces(source, reading, batch=batch)))
    except (NotAnswered, OSError) as error:
        typer.echo(f"The import broke off: {error}. What was sent stands; run the same command again for the rest.", err=True)
        raise typer.Exit(FAILED) from None
    _show_end(counts, seconds=time.monotonic() - begun, rejected=refused, quiet=quiet)
    raise typer.Exit(SOME_REFUSED if counts.rejected else 0)


def _pieces(source: BinaryIO, reading: Reading, *, batch: int) -> Iterator[Piece]:
    position = 0

    def chunks() -> Iterator[bytes]:
        nonlocal position
        while chunk := source.read(CHUNK_BYTES):
            position += len(chunk)
            yield chunk

    return cut(read_purchases(split_lines(chunks()), reading), batch=batch, most_rows=ROWS_A_PIECE, position=lambda: position)


def _reading(columns: str, currency: str, *, tz: str, delimiter: str, header: bool | None, date_format: str) -> Reading:
    zone = zone_of(tz)
    try:
        digits_of(currency)
        return Reading(
            columns_of(columns),
            currency,
            zone,
            date_format=date_format,
            delimiter=delimiter_of(delimiter) if delimiter else None,
            header=header,
            now=utc_now(),
        )
    except (LayoutUnclear, Refusal) as error:
        raise typer.BadParameter(str(error)) from None


def zone_of(tz: str) -> ZoneInfo:
    """The time zone of a name. Raises BadParameter."""
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(f"{tz!r} is no time zone of the IANA database, such as Europe/Berlin") from None


def _check(file: Path) -> None:
    if file != STANDARD_INPUT and (not file.exists() or file.is_dir()):
        raise typer.BadParameter(f"there is no file {file}")


def check_label(label: str) -> None:
    """Raises BadParameter for a label that cannot be the source of an external id."""
    try:
        CODE.validate_python(label)
    except ValidationError:
        raise typer.BadParameter("a label is made of letters, digits and _ . : / # + -, 128 at most") from None


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == STANDARD_INPUT else file.open("rb")


def shown(size: int | None, *, quiet: bool) -> AbstractContextManager[Callable[[Counts, int], None]]:
    """What to call with the counts and how far of `size` the import is: a bar, or nothing where it is to be quiet."""
    if quiet:
        return nullcontext(lambda counts, position: None)
    return shown_progress(console, size=size)


def _show_end(counts: Counts, *, seconds: float, rejected: Path, quiet: bool) -> None:
    if quiet:
        typer.echo(line_of(counts, seconds=seconds, rejected=rejected))
    else:
        console.print(table_of(counts, seconds=seconds, rejected=rejected))
