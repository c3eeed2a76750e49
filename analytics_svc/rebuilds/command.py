"""`mitra rebuild`: the customers anew from the facts, the facts anew from the log."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from analytics_svc.settings import history_folder
from services import failpoints, up
from services.settings import Settings

rebuild = typer.Typer(help="What analytics derives, anew: customers, facts.", no_args_is_help=True)
console = Console()
FAIL_POINTS = ("rebuild.emptied", "rebuild.part_written", "rebuild.table_hidden", "rebuild.before_commit", "rebuild.after_commit")
"""Where a test may have a rebuild die; `part_written` and `table_hidden` are of facts alone."""
Found = TypeVar("Found")


@rebuild.callback()
def _group() -> None:
    """What analytics derives, anew."""


@rebuild.command()
def customers() -> None:
    """Work out the statistics of every customer anew from all facts; a tenant's events wait meanwhile. Nothing is published."""
    from analytics_svc.rebuilds.customers import Rebuilt, rebuild_customers  # DuckDB and the rest: nobody else has a use for them

    async def run(settings: Settings) -> Rebuilt:
        with _bar("tenants") as move:
            return await rebuild_customers(settings, history_folder(settings), lambda done, total: move(done.tenants, total))

    done, seconds = _timed(run)
    console.print(
        f"{done.customers:,} customers of {done.tenants:,} tenants from {done.facts:,} facts, {done.changed:,} of them changed, {seconds}"
    )


@rebuild.command()
def facts() -> None:
    """Forget every fact and read the log again from its beginning; events wait meanwhile. `mitra rebuild customers` comes after it."""
    from analytics_svc.rebuilds.facts import Replayed, rebuild_facts  # the consumers of analytics, which the commands of others do without

    async def run(settings: Settings) -> Replayed:
        with _bar("events") as move:
            return await rebuild_facts(settings, history_folder(settings), lambda done: move(done.events, done.total))

    done, seconds = _timed(run)
    console.print(f"{done.facts:,} facts from {done.events:,} events, {seconds}")


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _timed(run: Callable[[Settings], Coroutine[Any, Any, Found]]) -> tuple[Found, str]:
    try:
        settings = up.running_settings(Settings())
    except up.NotRunning as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    failpoints.arm(settings.fail_points, seed=settings.fail_seed, known=FAIL_POINTS)
    begun = time.monotonic()
    found = asyncio.run(run(settings))
    return found, f"in {time.monotonic() - begun:.1f} s"
