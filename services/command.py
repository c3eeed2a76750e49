"""The `mitra` command: runs Mitra, looks after it, and carries what the services' manifests add to it."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from services import logs, memory, up
from services.application import deployable_of
from services.bus.opening import loop_factory
from services.command_events import events
from services.embedded_files import EmbeddedServerError
from services.manifests import ROOT, discover, get_manifest
from services.serving import end_with_parent, serve
from services.settings import Settings
from services.tokens import make_key_pair
from services.worker import work

app = typer.Typer(help="Mitra: an event-driven customer-relationship back end.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(events, name="events")
console = Console()
PIPE_WIDTH = 200

Service = Annotated[str | None, typer.Argument(help="contacts, pipeline, analytics, gateway …")]
Everything = Annotated[bool, typer.Option("--all", help="every service in this process")]
Parent = Annotated[int | None, typer.Option(hidden=True)]


@app.command("up")
def run_up(demo: Annotated[bool, typer.Option(help="load a demo company on the first start")] = True) -> None:
    """Run everything on this machine: an embedded PostgreSQL, one web process, one worker process."""
    settings = _settings()

    async def run(settings: Settings, server: Any) -> None:
        await up.prepare(settings, server)
        async with up.running_company(settings, console) as company:
            await company.unless_stopped(_first_starts(settings, company, demo))

    try:
        with up.database_server(settings) as (addressed, server):
            _run(run(addressed, server))
    except EmbeddedServerError as error:
        sys.exit(str(error))


@app.command()
def init() -> None:
    """Make the key pair of every deployable, where it is missing."""
    settings = _settings()
    for manifest in discover(settings.services_path):
        make_key_pair(settings.keys_folder, deployable_of(manifest))
    console.print(f"The key pairs are in {settings.keys_folder}")


@app.command("serve")
def run_serve(
    service: Service = None,
    everything: Everything = False,
    host: str | None = None,
    port: int | None = None,
    parent: Parent = None,
) -> None:
    """Answer HTTP for one service, or for all of them on one port."""
    settings = _settings()
    manifests = up.selected(settings, service, everything=everything)
    default = settings.port if everything else manifests[0].port
    _run(_with_parent(serve(manifests, settings, host=host or settings.host, port=port or default), parent))


@app.command("work")
def run_work(
    service: Service = None,
    everything: Everything = False,
    host: str | None = None,
    port: Annotated[int | None, typer.Option(help="where to say over HTTP (/readyz) whether everything moves")] = None,
    parent: Parent = None,
) -> None:
    """Run the relay, the consumer and the jobs of one service, or of all of them."""
    settings = _settings()
    manifests = up.selected(settings, service, everything=everything)
    working = _with_parent(work(manifests, settings, host=host or settings.host, port=port), parent)
    _run(working, new_loop=loop_factory(settings.bus_url))


@app.command("migrate")
def run_migrate() -> None:
    """Bring every database to its newest revision and create the topics of the bus."""
    with up.database_server(_settings()) as (settings, server):
        _run(up.prepare(settings, server))
    console.print("Every database is at its newest revision.")


@app.command("doctor")
def run_doctor() -> None:
    """Look whether all is well: exit code 0 when it is, 1 when something is wrong, 2 when something could not be looked at."""
    from services import doctor  # Alembic, for the newest revisions

    try:
        settings = up.running_settings(_settings())
    except up.NotRunning as error:
        console.print(str(error), highlight=False)
        raise typer.Exit(2) from None
    findings = asyncio.run(doctor.look(settings))
    (console if console.is_terminal else Console(width=PIPE_WIDTH)).print(doctor.table_of(findings))
    raise typer.Exit(doctor.exit_code(findings))


@app.command()
def revision(service: Annotated[str, typer.Argument(help="a service, or kit")], message: str) -> None:
    """Write the next revision of a service's tables (or of the kit's) from the difference to its migrated database."""
    from services import migrating  # Alembic: only who changes tables has a use for it

    with up.database_server(_settings()) as (settings, server):
        _run(up.prepare(settings, server))
        if service == "kit":
            name = discover(settings.services_path)[0].name
            _run(migrating.revise(settings, migrating.KIT, name=name, message=message))
        else:
            history = migrating.history_of(get_manifest(service, settings.services_path))
            _run(migrating.revise(settings, history, name=service, message=message))


async def _first_starts(settings: Settings, company: up.Company, demo: bool) -> None:
    for manifest in discover(settings.services_path):
        if manifest.first_start is not None:
            await manifest.first_start(settings, company.url, demo, console)
    console.print(f"[bold]Mitra answers at {company.url}[/] — its API is described at {company.url}/openapi.json")
    console.print(f"`mitra doctor` says whether all is well; the worker's metrics are at {company.worker_url}/metrics")
    console.print("Stop with Ctrl-C.")


@app.command()
def contracts() -> None:
    """Write the JSON Schema of every event type and a sample of each new one; refuse a change that would break a reader."""
    from services import contract_files

    try:
        written = contract_files.write([contract for manifest in discover() for contract in manifest.contracts])
    except contract_files.ContractBroken as error:
        console.print(str(error), highlight=False)
        raise typer.Exit(1) from None
    for path in written:
        console.print(f"wrote {path.relative_to(ROOT)}", highlight=False)


def _settings() -> Settings:
    settings = Settings()
    logs.configure(settings.log_level)
    return settings


def _run(work: Coroutine[Any, Any, None], *, new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop) -> None:
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work)


async def _with_parent(work: Coroutine[Any, Any, None], parent: int | None) -> None:
    """Run `work`, and end with the process that started this one where it names itself."""
    running = asyncio.create_task(work)
    watching = asyncio.create_task(end_with_parent(parent)) if parent is not None else None
    try:
        await asyncio.wait({running, watching} if watching else {running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:  # the work ends in its own order before the loop breaks off whatever is left
        running.cancel()
        await asyncio.wait({running})


def main() -> None:
    """The console script: the kit's commands and those of every manifest."""
    try:
        settings = Settings()
    except ValidationError as error:  # its own text would show the values, and there are passwords among them
        sys.exit("\n".join(f"MITRA_{'__'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()))
    except SettingsError as error:
        sys.exit(str(error))
    groups: dict[str, typer.Typer] = {}
    with memory.undisturbed():
        manifests = discover(settings.services_path)
    for manifest in manifests:
        for name, group in manifest.commands.items():
            if name in groups:  # several services have a command in the same group, as `import` has
                groups[name].registered_commands += group.registered_commands
            else:
                groups[name] = group
                app.add_typer(group, name=name)
    app()


if __name__ == "__main__":
    main()
