"""Finds writes that no event tells of, and events that no write stands behind: for any service, after any test."""

from collections import defaultdict
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from services import provisioning
from services.database import Base
from services.embedded import Server
from services.envelope import Envelope
from services.manifests import Manifest
from tests.harness import Mitra

Told = dict[UUID, list[int]]


def loud_tables(manifest: Manifest) -> list[sa.Table]:
    """The tables of a service whose every change is told by an event."""
    tables = [table for table in Base.metadata.sorted_tables if table.info["package"] == manifest.package]
    return [table for table in tables if not table.info["silent"]]


async def untold_writes(mitra: Mitra, server: Server, *services: str) -> list[str]:
    """Every difference between the versions of all loud rows of `services` (default: all) and the sequences of their events (none: all is
    told).

    Events are looked for in the outboxes and on the bus; erased rows are not known here, so an event without a row is no difference,
    but an event beyond its row's version is one.
    """
    found: list[str] = []
    for manifest in (manifest for manifest in mitra.manifests if not services or manifest.name in services):
        told = await _told(server, manifest)
        connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, f"mitra_{manifest.name}"))
        try:
            for table in loud_tables(manifest):
                for row in await connection.fetch(f'SELECT id, version FROM "{table.name}"'):
                    wanted, sequences = list(range(1, row["version"] + 1)), told[row["id"]]
                    if sequences != wanted:
                        found.append(f"{manifest.name}.{table.name} {row['id']}: version {row['version']}, events {sequences}")
        finally:
            await connection.close()
    return found


async def unwritten_tables(mitra: Mitra, server: Server) -> list[str]:
    """The loud tables of services that hold no row, so that a test of all of them can tell which it has not driven."""
    found: list[str] = []
    for manifest in mitra.manifests:
        connection = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, f"mitra_{manifest.name}"))
        try:
            rows = {table.name: await connection.fetchval(f'SELECT EXISTS (SELECT FROM "{table.name}")') for table in loud_tables(manifest)}
            found += [f"{manifest.name}.{name}" for name, holds in rows.items() if not holds]
        finally:
            await connection.close()
    return found


async def _told(server: Server, manifest: Manifest) -> Told:
    """The sequences of the events of each subject of a service, by the subject's id, each once."""
    outbox = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, f"mitra_{manifest.name}"))
    bus = await asyncpg.connect(server.dsn(provisioning.SUPERUSER, "mitra_bus"))
    try:
        rows = await outbox.fetch("SELECT event FROM outbox")
        rows += await bus.fetch("SELECT event FROM bus_record WHERE topic = ANY($1)", list(manifest.topics))
    finally:
        await outbox.close()
        await bus.close()
    sequences: dict[UUID, set[int]] = defaultdict(set)
    for envelope in (Envelope.from_json(row["event"]) for row in rows):
        sequences[UUID(envelope.subject.partition("/")[2])].add(envelope.sequence)
    return defaultdict(list, {subject: sorted(found) for subject, found in sequences.items()})
