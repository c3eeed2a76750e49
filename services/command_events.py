"""`mitra events`: follow the journal, and look after what the consumers could not apply."""

import asyncio
import contextlib
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.console import Console
from rich.table import Table

from services import parking, up
from services.bus.opening import open_bus
from services.client import Key, Url, api_client
from services.consumer import dead_letter_topic
from services.database import Database
from services.manifests import discover, get_manifest
from services.settings import Settings
from services.worker import open_workers

events = typer.Typer(help="The event stream: tail, parked, release, dead.", no_args_is_help=True)
console = Console()


@events.command()
def tail(url: Url = "", key: Key = "", after: Annotated[str, typer.Option(help="a position of the journal")] = "") -> None:
    """Print the tenant's events as they come, one line each."""

    async def follow() -> None:
        async with api_client(url, key) as client:
            position = after or str((await client.get("/v1/events/latest")).raise_for_status().json()["position"])
            while True:
                position = await _listen(client, position)
                await asyncio.sleep(1.0)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow())


async def _listen(client: httpx.AsyncClient, position: str) -> str:
    """Print what happens after `position` until the connection breaks; answers the position that was reached."""
    reached = {"id": position}
    with contextlib.suppress(httpx.TransportError):
        async with client.stream("GET", "/v1/events/stream", headers={"Last-Event-ID": position}, timeout=None) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                _take(line, reached)
    return reached["id"]


def _take(line: str, reached: dict[str, str]) -> None:
    """One line of the stream: an id is where we are, data is an event."""
    name, _, value = line.partition(":")
    if name == "id":
        reached["id"] = value.strip()
    elif name == "data":
        _print_event(orjson.loads(value))


@events.command()
def parked() -> None:
    """List what waits for a missing event (gap) or for a release (failed)."""

    async def look(settings: Settings) -> None:
        table = Table("service", "subject", "sequence", "reason", "error", "since")
        for manifest in discover(settings.services_path):
            database = Database(settings.database(manifest.name), pool_size=1)
            async with database.session() as session:
                for row in await parking.list_parked(session):
                    table.add_row(row.consumer, row.subject, str(row.sequence), row.reason, row.error, row.parked_at.isoformat())
            await database.close()
        console.print(table)

    asyncio.run(look(up.running_settings(Settings())))


@events.command()
def release(service: str, subject: str) -> None:
    """Apply the parked events of a subject in order, after their cause was repaired."""

    async def run(settings: Settings) -> None:
        async with open_workers([get_manifest(service, settings.services_path)], settings) as (worker,):
            console.print(f"{await worker.consumer.release(subject)} events of {subject} were applied")

    asyncio.run(run(up.running_settings(Settings())))


@events.command()
def dead() -> None:
    """List the records that could not be decoded."""

    async def look(settings: Settings) -> None:
        topics = sorted({topic for manifest in discover(settings.services_path) for topic in manifest.topics})
        async with open_bus(settings.bus_url) as bus:
            for place in sorted(await bus.heads([dead_letter_topic(topic) for topic in topics])):
                for record in await bus.read({place: 0}, limit=1000, wait_seconds=0.0):
                    console.print(f"{record.topic}/{record.partition}@{record.offset} {len(record.event)} bytes")

    asyncio.run(look(up.running_settings(Settings())))


def _print_event(event: dict[str, Any]) -> None:
    typer.echo(f"{event['recordedtime']}  {event['type']:<40} {event['subject']}  #{event['sequence']}")  # one line, also in a pipe
