"""`mitra import opportunities`: the files of a sales team in, through the HTTP API."""

import asyncio
import re
import time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
import typer
from rich.table import Table

from pipeline_svc.imports.command import (
    FAILED,
    SOME_REFUSED,
    Batch,
    Currency,
    Label,
    Quiet,
    Rejected,
    check_label,
    console,
    imports,
    shown,
    zone_of,
)
from pipeline_svc.imports.reporting import RejectedFile, line_of, table_of
from pipeline_svc.imports.sales_files import ODDITIES, FilesUnclear, Sales, read_sales
from pipeline_svc.imports.sales_sending import SalesSending
from services.client import Key, NotAnswered, Url, api_client
from services.errors import Refusal
from services.money import digits_of

__all__ = ["imports", "opportunities"]

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="with sales_pipeline.csv, accounts.csv and products.csv")]
Zone = Annotated[str, typer.Option(help="the time zone of the dates (IANA); what happened on a day happened at its noon")]


@imports.command()
def opportunities(
    folder: Folder,
    currency: Currency,
    tz: Zone,
    label: Label,
    batch: Batch = 500,
    rejected: Rejected = None,
    quiet: Quiet = False,
    url: Url = "",
    key: Key = "",
) -> None:
    """Import the opportunities of a sales team: each is opened, moved to Engaging, and won or lost, at the dates of the file; agents
    become users, accounts organizations, and products and one pipeline are set up. What is there already stays as it is.

    Exit: 0 every row was accepted, 3 some were refused, 2 wrong usage, 1 it broke off.
    """
    check_label(label)
    sales = _sales(folder, currency, tz)
    refused = rejected or Path(f"rejected-{re.sub('[/:]', '-', label)}.csv")
    client = api_client(url, key)
    begun = time.monotonic()
    try:
        with RejectedFile(refused) as written, shown(len(sales.deals), quiet=quiet) as show:
            sending = SalesSending(client, label=label, batch=batch, on_progress=show, on_rejected=written.write)
            counts = asyncio.run(sending.run(sales, currency=currency))
    except (NotAnswered, OSError) as error:
        typer.echo(f"The import broke off: {error}. What was sent stands; run the same command again for the rest.", err=True)
        raise typer.Exit(FAILED) from None
    seconds = time.monotonic() - begun
    if quiet:
        said = orjson.loads(line_of(counts, seconds=seconds, rejected=refused)) | {"oddities": dict(sales.oddities)}
        typer.echo(orjson.dumps(said).decode())
    else:
        console.print(table_of(counts, seconds=seconds, rejected=refused), oddities_of(sales))
    raise typer.Exit(SOME_REFUSED if counts.rejected else 0)


def oddities_of(sales: Sales) -> Table:
    """What is odd about the files, how often, and what was made of it."""
    table = Table("rows", "what is odd, and what was made of it")
    for name, meaning in ODDITIES.items():
        table.add_row(f"{sales.oddities[name]:,}", meaning)
    return table


def _sales(folder: Path, currency: str, tz: str) -> Sales:
    zone: ZoneInfo = zone_of(tz)
    try:
        digits_of(currency)
        return read_sales(folder, currency=currency, zone=zone)
    except (FilesUnclear, Refusal) as error:
        raise typer.BadParameter(str(error)) from None
    except OSError as error:
        raise typer.BadParameter(f"{error.filename}: {error.strerror}") from None
