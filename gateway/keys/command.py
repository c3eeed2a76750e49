"""`mitra operator`: the key of who runs this Mitra, made on the machine that holds its database."""

import asyncio

import typer

from gateway.keys.operations import bootstrap
from services import up
from services.database import Database
from services.settings import Settings

operator = typer.Typer(help="The operator, who founds tenants.", no_args_is_help=True)


@operator.callback()
def _group() -> None:
    """The operator, who founds tenants."""


@operator.command()
def key() -> None:
    """Make one more operator key and print it; it may found tenants (POST /v1/tenants)."""

    async def make(settings: Settings) -> str:
        database = Database(settings.database("gateway"), pool_size=1)
        try:
            return await bootstrap(database)
        finally:
            await database.close()

    typer.echo(asyncio.run(make(up.running_settings(Settings()))))
