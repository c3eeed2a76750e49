"""Changing mailboxes."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal
from services.events.tickets_messages import MailboxArchived, MailboxChanged, MailboxCreated, MailboxRestored, MailboxState
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named
from tickets_svc.queues.rules import check_can_retire

from .models import Mailbox
from .queries import get_mailbox
from .schemas import MailboxCreate, MailboxPatch

NOUN = "mailbox"


def state_of(mailbox: Mailbox | Values) -> MailboxState:
    """The public state of a mailbox or of its row."""
    return MailboxState.model_validate(mailbox)


async def write_mailboxes(session: AsyncSession, births: Sequence[tuple[UUID, MailboxCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new mailboxes and their events: one statement each."""
    rows = [{**birth(session, mailbox_id), **mailbox.model_dump(), "status": "active"} for mailbox_id, mailbox in births]
    await session.execute(insert(Mailbox.__table__), rows)  # type: ignore[arg-type]
    facts = [(Written(row["id"], 1, row["partition_key"], row["updated_at"]), MailboxCreated(state=state_of(row)), None) for row in rows]
    await record_many(session, facts)
    return {row["id"]: row for row in rows}


async def create_mailbox(session: AsyncSession, mailbox: MailboxCreate) -> Mailbox:
    """Create a mailbox. Raises ExternalIdTaken."""
    return Mailbox(**await create_one(session, NOUN, mailbox, write=write_mailboxes))


async def update_mailbox(session: AsyncSession, mailbox_id: UUID, patch: MailboxPatch, if_match: str | None) -> Mailbox:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, ExternalIdTaken."""
    mailbox = await get_mailbox(session, mailbox_id, lock=True)
    check_version(mailbox.version, if_match)
    before = mailbox.external_ids
    wanted = patch.model_dump(exclude_unset=True)
    changes = {name: value for name, value in wanted.items() if getattr(mailbox, name) != value}
    for name, value in changes.items():
        setattr(mailbox, name, value)
    if changes:
        await rename(session, NOUN, mailbox.id, before=before, after=mailbox.external_ids)
        await record(session, mailbox, MailboxChanged(state=state_of(mailbox)))
    return mailbox


async def retire_mailbox(session: AsyncSession, mailbox_id: UUID) -> Mailbox:
    """Take no more mail through it. Raises NotFound, WrongState."""
    mailbox = await get_mailbox(session, mailbox_id, lock=True)
    check_can_retire(mailbox.status)
    mailbox.status = "retired"
    await record(session, mailbox, MailboxChanged(state=state_of(mailbox)))
    return mailbox


async def archive_mailbox(session: AsyncSession, mailbox_id: UUID) -> Mailbox:
    """Hide from lists. Raises NotFound."""
    mailbox = await get_mailbox(session, mailbox_id, lock=True)
    if mailbox.archived_at is None:
        mailbox.archived_at = now(session)
        await record(session, mailbox, MailboxArchived(state=state_of(mailbox)))
    return mailbox


async def restore_mailbox(session: AsyncSession, mailbox_id: UUID) -> Mailbox:
    """Bring back to lists. Raises NotFound."""
    mailbox = await get_mailbox(session, mailbox_id, lock=True)
    if mailbox.archived_at is not None:
        mailbox.archived_at = None
        await record(session, mailbox, MailboxRestored(state=state_of(mailbox)))
    return mailbox


async def create_each(session: AsyncSession, mailboxes: Sequence[MailboxCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, mailboxes, write=write_mailboxes)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, MailboxCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    return await upsert_named(session, NOUN, items, write=write_mailboxes, change=_hold_against)


async def update_each(session: AsyncSession, mailbox_id: UUID, patch: MailboxPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    mailbox = await update_mailbox(session, mailbox_id, patch, if_match)
    return Outcome(200, mailbox.id, mailbox.version)


async def archive_each(session: AsyncSession, mailbox_id: UUID) -> Outcome:
    """Archive for a batch."""
    mailbox = await archive_mailbox(session, mailbox_id)
    return Outcome(200, mailbox.id, mailbox.version)


async def _hold_against(session: AsyncSession, mailbox_id: UUID, wanted: MailboxCreate) -> Outcome:
    mailbox = await get_mailbox(session, mailbox_id, lock=True)
    return await update_each(session, mailbox_id, patch_of(wanted, MailboxPatch, mailbox.external_ids), "*")


BATCH = BatchVerbs(MailboxCreate, MailboxPatch, create_each, upsert_each, update_each, archive_each)
