"""`mitra doctor`: looks at everything that a running Mitra stands on, says what is wrong, and what to do about it."""

import asyncio
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import orjson
from rich.table import Table
from sqlalchemy import make_url

from services import positions
from services.bus import Bus, Place, TopicsDiffer
from services.bus.opening import open_bus
from services.clock import utc_now
from services.consumer import dead_letter_topic, topics_of
from services.database import Database
from services.examinations import EXAMINATIONS, LATE_SECONDS, Finding, State, examine
from services.manifests import Manifest, consumed_topics, discover
from services.settings import Settings

LEAST_FREE_BYTES = 2 * 1024**3
CONNECT_SECONDS = 10.0
BUS_SECONDS = 30.0
CHECKS = (*(each.__name__.replace("_", " ") for each in EXAMINATIONS), "database", "topics", "lag", "dead letters", "disk")
COLOURS: dict[State, str] = {"ok": "green", "note": "yellow", "wrong": "bold red", "blind": "bold magenta"}


async def look(settings: Settings) -> list[Finding]:
    """Everything that was found, of every service of the tree. Nothing is changed."""
    manifests = discover(settings.services_path)
    of_databases = asyncio.gather(*(_database(manifest, settings) for manifest in manifests))
    findings = [finding for found in await of_databases for finding in found]
    return [*findings, *await _bus(manifests, settings), *(_disk(folder) for folder in _folders(settings))]


def exit_code(findings: Iterable[Finding]) -> int:
    """1 where something is wrong; else 2 where something could not be looked at; else 0."""
    states = {finding.state for finding in findings}
    return 1 if "wrong" in states else 2 if "blind" in states else 0


def table_of(findings: Sequence[Finding]) -> Table:
    """The findings by check: those that are well and say the same in one row, every other one in a row of its own."""
    table = Table("check", "where", "state", "found", "what to do")
    rows: dict[tuple[str, State, str, str], list[str]] = {}
    for finding in sorted(findings, key=lambda finding: CHECKS.index(finding.check)):
        said = (finding.check, finding.state, finding.found, finding.advice)
        rows.setdefault(said, []).append(finding.where)
    for (check, state, found, advice), where in rows.items():
        table.add_row(check, ", ".join(where), f"[{COLOURS[state]}]{state}[/]", found, advice)
    return table


async def _database(manifest: Manifest, settings: Settings) -> list[Finding]:
    database = Database(settings.database(manifest.name), pool_size=1, application_name="mitra doctor")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await database.engine.connect()
        try:
            return await examine(connection, manifest)
        finally:
            await connection.close()
    except Exception as error:  # of the address, the network or the server; it shows in many ways, and what it says may hold a password
        said = f"cannot be asked: {type(error).__name__}"
        return [Finding("database", manifest.name, "blind", said, "is the server up, and MITRA_DATABASE_URL right?")]
    finally:
        await database.close()


async def _bus(manifests: Sequence[Manifest], settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(BUS_SECONDS), open_bus(settings.bus_url) as bus:
            return [
                await _topics(bus, manifests),
                *[await _lag(bus, manifest, manifests, settings) for manifest in manifests],
                await _dead_letters(bus, manifests),
            ]
    except Exception as error:
        return [Finding("topics", "bus", "blind", f"cannot be asked: {type(error).__name__}", "is it up, and MITRA_BUS_URL right?")]


async def _topics(bus: Bus, manifests: Sequence[Manifest]) -> Finding:
    wanted = sorted({topic for manifest in manifests for topic in topics_of(manifest, manifests)})
    try:
        await bus.check_topics(wanted)
    except TopicsDiffer as differ:
        return Finding("topics", "bus", "wrong", str(differ), "mitra migrate")
    return Finding("topics", "bus", "ok", f"{len(wanted)} topics as they must be")


async def _lag(bus: Bus, manifest: Manifest, manifests: Sequence[Manifest], settings: Settings) -> Finding:
    """How far a consumer is behind: what counts is for how long the first waiting event has waited."""
    heads = await bus.heads(consumed_topics(manifest, manifests))
    database = Database(settings.database(manifest.name), pool_size=1, application_name="mitra doctor")
    try:
        async with database.session() as session:
            reached = await positions.offsets(session, manifest.name)
    except Exception as error:
        return Finding("lag", manifest.name, "blind", type(error).__name__, "see its database")
    finally:
        await database.close()
    behind = {place: reached.get(place, 0) for place, head in heads.items() if head > reached.get(place, 0)}
    waiting = sum(heads[place] - offset for place, offset in behind.items())
    age = max([await _age(bus, place, offset) for place, offset in behind.items()], default=0.0)
    said = f"{waiting:,} events wait, the first for {age:.0f} s" if waiting else "nothing waits"
    if age > LATE_SECONDS:
        return Finding("lag", manifest.name, "wrong", said, f"does `mitra work {manifest.name}` run, and what does its log say?")
    return Finding("lag", manifest.name, "ok", said)


async def _age(bus: Bus, place: Place, offset: int) -> float:
    for record in await bus.read({place: offset}, limit=1, wait_seconds=0.0):
        try:
            return (utc_now() - datetime.fromisoformat(orjson.loads(record.event)["recordedtime"])).total_seconds()
        except (ValueError, KeyError, TypeError):  # the consumer will lay it among the dead letters
            break
    return 0.0


async def _dead_letters(bus: Bus, manifests: Sequence[Manifest]) -> Finding:
    topics = sorted({dead_letter_topic(topic) for manifest in manifests for topic in manifest.topics})
    count = sum((await bus.heads(topics)).values())
    if count:
        return Finding("dead letters", "bus", "note", f"{count:,} records could never be decoded", "`mitra events dead` lists them")
    return Finding("dead letters", "bus", "ok", "none")


def _folders(settings: Settings) -> list[Path]:
    """Where this process keeps its files, and the embedded server its own; the disk of a server elsewhere is not to be seen from here."""
    socket = make_url(settings.database_url).query.get("host")
    return sorted({settings.folder, *([Path(socket).parent] if isinstance(socket, str) else [])})


def _disk(folder: Path) -> Finding:
    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(there).free
    said = f"{free / 1024**3:.1f} GB free"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", str(folder), "wrong", said, "make room: a full disk stops every write")
    return Finding("disk", str(folder), "ok", said)
