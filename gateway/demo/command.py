"""`mitra demo`: the demo company, into the tenant of a key."""

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.console import Console

from gateway.demo.starting import load_demo, noted_day
from services.client import Key, NotAnswered, Url
from services.settings import Settings

demo = typer.Typer(help="The demo company.", no_args_is_help=True)
console = Console()

Day = Annotated[str, typer.Option(help="the day up to which its customers bought (default: that of the first load here, else today)")]


@demo.callback()
def _group() -> None:
    """The demo company."""


@demo.command()
def load(url: Url = "", key: Key = "", day: Day = "") -> None:
    """Load the demo company, or what is missing of it: about 2,000 invented customers and what they bought in two years."""
    try:
        until = date.fromisoformat(day) if day else noted_day(Settings().folder) or datetime.now(UTC).date()
    except ValueError:
        raise typer.BadParameter("a day is written as 2026-03-02") from None
    try:
        asyncio.run(load_demo(url, key, day=until, console=console))
    except NotAnswered as error:
        typer.echo(f"The load broke off: {error}. Run the same command again for the rest.", err=True)
        raise typer.Exit(1) from None
