"""Changing senders."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome, refuse_upserts
from services.database import birth, now
from services.errors import Refusal
from services.events.campaigns import (
    SenderArchived,
    SenderBlocked,
    SenderCreated,
    SenderRestored,
    SenderState,
    SenderUpdated,
    SenderVerified,
)
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version

from . import rules
from .models import Sender
from .queries import get_sender
from .schemas import Blocking, SenderCreate, SenderPatch


def state_of(sender: Sender) -> SenderState:
    """The public state of a sender."""
    return SenderState.model_validate(sender)


async def create_senders(session: AsyncSession, senders: Sequence[SenderCreate]) -> list[Sender]:
    """Write new senders and their events: one multi-row INSERT each."""
    if not senders:
        return []
    rows = [
        {**birth(session, new_id()), **sender.model_dump(), "domain": rules.domain_of(sender.from_address), "status": "draft"}
        for sender in senders
    ]
    await session.execute(insert(Sender.__table__), rows)  # type: ignore[arg-type]
    made = [Sender(**row) for row in rows]
    await record_many(session, [(sender, SenderCreated(state=state_of(sender)), None) for sender in made])
    return made


async def update_sender(session: AsyncSession, sender_id: UUID, patch: SenderPatch, if_match: str | None) -> Sender:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, WrongState, AddressIsVerified."""
    sender = await get_sender(session, sender_id, lock=True)
    check_version(sender.version, if_match)
    known = sender.from_address
    if apply_patch(sender, patch):
        rules.check_can_change(sender.status, address_differs=sender.from_address != known)
        sender.domain = rules.domain_of(sender.from_address)
        await record(session, sender, SenderUpdated(state=state_of(sender)))
    return sender


async def verify_sender(session: AsyncSession, sender_id: UUID) -> Sender:
    """Let mail go out in its name. Raises NotFound, WrongState."""
    sender = await get_sender(session, sender_id, lock=True)
    sender.status = rules.decide_status("verify", sender.status)
    await record(session, sender, SenderVerified(state=state_of(sender)))
    return sender


async def activate_sender(session: AsyncSession, sender_id: UUID) -> Sender:
    """Note that a campaign begins in the name of a verified sender; an active one stays as it is. Raises NotFound, WrongState."""
    sender = await get_sender(session, sender_id, lock=True)
    if sender.status != "active":
        sender.status = rules.decide_status("activate", sender.status)
        await record(session, sender, SenderUpdated(state=state_of(sender)))
    return sender


async def block_sender(session: AsyncSession, sender_id: UUID, blocking: Blocking) -> Sender:
    """Let nothing more go out in its name. Raises NotFound, WrongState."""
    sender = await get_sender(session, sender_id, lock=True)
    sender.status = rules.decide_status("block", sender.status)
    await record(session, sender, SenderBlocked(state=state_of(sender), reason_code=blocking.reason_code))
    return sender


async def archive_sender(session: AsyncSession, sender_id: UUID) -> Sender:
    """Hide from lists. Raises NotFound."""
    sender = await get_sender(session, sender_id, lock=True)
    if sender.archived_at is None:
        sender.archived_at = now(session)
        await record(session, sender, SenderArchived(state=state_of(sender)))
    return sender


async def restore_sender(session: AsyncSession, sender_id: UUID) -> Sender:
    """Bring back to lists. Raises NotFound."""
    sender = await get_sender(session, sender_id, lock=True)
    if sender.archived_at is not None:
        sender.archived_at = None
        await record(session, sender, SenderRestored(state=state_of(sender)))
    return sender


async def create_each(session: AsyncSession, senders: Sequence[SenderCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [Outcome(201, sender.id, sender.version) for sender in await create_senders(session, senders)]


async def update_each(session: AsyncSession, sender_id: UUID, patch: SenderPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    sender = await update_sender(session, sender_id, patch, if_match)
    return Outcome(200, sender.id, sender.version)


async def archive_each(session: AsyncSession, sender_id: UUID) -> Outcome:
    """Archive for a batch."""
    sender = await archive_sender(session, sender_id)
    return Outcome(200, sender.id, sender.version)


BATCH = BatchVerbs(SenderCreate, SenderPatch, create_each, refuse_upserts, update_each, archive_each)
