"""What `mitra doctor` looks at in the database of a service: each examination is one function that says what it found."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Text, column, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from services import vitals
from services.clock import utc_now
from services.manifests import Manifest
from services.migrating import KIT, history_of, newest
from services.strangers import count_strangers, knows_contacts
from services.tenants import Tenant

State = Literal["ok", "note", "wrong", "blind"]

OLDEST_POSTGRES = 17
LATE_SECONDS = 60.0
LATE_JOB_SECONDS = 600.0
CLOCK_SECONDS = 2.0

ROLE = text("SELECT rolname, rolsuper OR rolbypassrls AS free FROM pg_roles WHERE rolname = current_user")
LOCALE = text("""
SELECT datlocprovider::text AS provider, datlocale, datctype, pg_encoding_to_char(encoding) AS encoding,
       current_setting('TimeZone') AS zone, current_setting('server_version_num')::int / 10000 AS version
FROM pg_database WHERE datname = current_database()
""")
WANTED_LOCALE = ("b", "C.UTF-8", "C.UTF-8", "UTF8", "UTC")
FAILED_JOBS = text("SELECT kind, count(*) AS jobs FROM job WHERE status = 'failed' AND updated_at > :since GROUP BY kind ORDER BY kind")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found, where, and what to do about it; `blind` means that it could not look."""

    check: str
    where: str
    state: State
    found: str
    advice: str = ""


Examination = Callable[[AsyncConnection, Manifest], Awaitable[Finding]]


async def roles(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """The role that requests run as is bound by row-level security."""
    row = (await connection.execute(ROLE)).one()
    if row.free:
        return Finding(
            "roles", manifest.name, "wrong", f"{row.rolname} bypasses row-level security", "connect as mitra_app: MITRA_DATABASE_URL"
        )
    return Finding("roles", manifest.name, "ok", f"{row.rolname}, bound by row-level security")


async def locale(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """The database orders, folds and dates as every other one does, on a server that is new enough."""
    row = (await connection.execute(LOCALE)).one()
    wrong = [
        f"{name} {found} instead of {wanted}"
        for name, found, wanted in zip(("provider", "locale", "ctype", "encoding", "time zone"), row[:5], WANTED_LOCALE, strict=True)
        if found != wanted
    ]
    if row.version < OLDEST_POSTGRES:
        wrong.append(f"PostgreSQL {row.version}")
    if wrong:
        return Finding("locale", manifest.name, "wrong", ", ".join(wrong), "move the data to a database that `mitra migrate` makes")
    return Finding("locale", manifest.name, "ok", f"C.UTF-8 (builtin), UTC, PostgreSQL {row.version}")


async def schema(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """The tables are at the newest revision of this program."""
    behind = []
    for history in (KIT, history_of(manifest)):
        found = await connection.scalar(select(column("version_num", Text)).select_from(table(history.version_table)))
        if found != newest(history):
            behind.append(f"{history.version_table} {found} instead of {newest(history)}")
    if behind:
        return Finding("schema", manifest.name, "wrong", ", ".join(behind), "mitra migrate")
    return Finding("schema", manifest.name, "ok", "at the newest revision")


async def clock(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """This machine and the database agree on the time, as far as the way between them lets one see."""
    before = utc_now()
    there: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    after = utc_now()
    apart = max((before - there).total_seconds(), (there - after).total_seconds(), 0.0)
    if apart > CLOCK_SECONDS:
        return Finding("clock", manifest.name, "wrong", f"{apart:.1f} s from the database's clock", "synchronise both machines (NTP)")
    return Finding("clock", manifest.name, "ok", "agrees with the database's")


async def outbox(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """A relay moves the outbox, and nothing in it is old."""
    waiting = await vitals.outbox_of(connection, at=utc_now())
    said = f"{waiting.count:,} events wait, the first for {waiting.age_seconds:.0f} s" if waiting.count else "empty"
    if not await vitals.relays_of(connection):
        return Finding("outbox", manifest.name, "wrong", f"no relay runs; {said}", f"start `mitra work {manifest.name}`")
    if waiting.age_seconds > LATE_SECONDS:
        return Finding("outbox", manifest.name, "wrong", said, "read the worker's log for relay_retries and relay_key_held; is the bus up?")
    return Finding("outbox", manifest.name, "ok", said)


async def gaps(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """No subject waits for a missing event for longer than a publish can be late."""
    gap = (await vitals.parked_of(connection, manifest.name))["gap"]
    if gap.age_seconds > LATE_SECONDS:
        said = f"{gap.count:,} subjects miss an event, one for {gap.age_seconds:.0f} s"
        return Finding("gaps", manifest.name, "wrong", said, "`mitra events parked` names them; is another service's relay held up?")
    return Finding("gaps", manifest.name, "ok", f"{gap.count:,} subjects wait, none for long" if gap.count else "none")


async def parked(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """No subject waits for a release."""
    failed = (await vitals.parked_of(connection, manifest.name))["failed"]
    if failed.count:
        said = f"{failed.count:,} subjects, the first for {failed.age_seconds:.0f} s"
        advice = f"`mitra events parked` names them; mend the cause, then `mitra events release {manifest.name} SUBJECT`"
        return Finding("parked", manifest.name, "wrong", said, advice)
    return Finding("parked", manifest.name, "ok", "none")


async def jobs(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """Jobs begin when they are due; those that failed lately are named."""
    at = utc_now()
    state = await vitals.jobs_of(connection, at=at)
    if state.due.age_seconds > LATE_JOB_SECONDS:
        said = f"{state.due.count:,} jobs are due, the first for {state.due.age_seconds:.0f} s; {state.running} running"
        return Finding("jobs", manifest.name, "wrong", said, f"is one job long, or `mitra work {manifest.name}` not running?")
    failed = [f"{row.jobs} {row.kind}" for row in await connection.execute(FAILED_JOBS, {"since": at - timedelta(days=1)})]
    if failed:
        return Finding(
            "jobs", manifest.name, "note", f"failed in the last day: {', '.join(failed)}", "job_failed in the worker's log says why"
        )
    return Finding("jobs", manifest.name, "ok", f"{state.due.count} due, {state.running} running")


async def foreign_ids(connection: AsyncConnection, manifest: Manifest) -> Finding:
    """The contacts that records name have been heard of."""
    if not knows_contacts(manifest):
        return Finding("foreign ids", manifest.name, "ok", "keeps no contacts of others")
    async with AsyncSession(bind=connection) as session:
        strangers = await count_strangers(session, list(await session.scalars(select(Tenant))))
    if strangers:
        said = f"records name {strangers:,} contacts that nothing was ever heard of"
        return Finding("foreign ids", manifest.name, "note", said, "were they imported under ids of another system, or mistyped?")
    return Finding("foreign ids", manifest.name, "ok", "every contact is known")


EXAMINATIONS: tuple[Examination, ...] = (roles, locale, schema, clock, outbox, gaps, parked, jobs, foreign_ids)
LONGEST_SECONDS = 60.0


async def examine(connection: AsyncConnection, manifest: Manifest) -> list[Finding]:
    """Every examination of one database; one that cannot be made is blind and the others go on."""
    findings = []
    for examination in EXAMINATIONS:
        name = examination.__name__.replace("_", " ")
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                findings.append(await examination(connection, manifest))
        except Exception as error:  # whatever keeps one from looking; what it says may hold values
            findings.append(Finding(name, manifest.name, "blind", type(error).__name__, "see the log of the database"))
        await connection.rollback()
    return findings
