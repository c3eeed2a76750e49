"""Changing reasons."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal
from services.events.pipeline_catalogue import ReasonArchived, ReasonCreated, ReasonRestored, ReasonRetired, ReasonState, ReasonUpdated
from services.merge_patch import apply_patch
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules
from .models import Reason
from .queries import get_reason
from .schemas import ReasonCreate, ReasonPatch

NOUN = "reason"


def state_of(reason: Reason | Values) -> ReasonState:
    """The public state of a reason or of its row."""
    return ReasonState.model_validate(reason)


async def write_reasons(session: AsyncSession, births: Sequence[tuple[UUID, ReasonCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new reasons and their events: one statement each."""
    rows = [{**birth(session, reason_id), **reason.model_dump(), "status": "active"} for reason_id, reason in births]
    await session.execute(insert(Reason.__table__), rows)  # type: ignore[arg-type]
    facts = [(Written(row["id"], 1, row["partition_key"], row["updated_at"]), ReasonCreated(state=state_of(row)), None) for row in rows]
    await record_many(session, facts)
    return {row["id"]: row for row in rows}


async def create_reason(session: AsyncSession, reason: ReasonCreate) -> Reason:
    """Create one. Raises ExternalIdTaken."""
    return Reason(**await create_one(session, NOUN, reason, write=write_reasons))


async def update_reason(session: AsyncSession, reason_id: UUID, patch: ReasonPatch, if_match: str | None) -> Reason:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, ExternalIdTaken."""
    reason = await get_reason(session, reason_id, lock=True)
    check_version(reason.version, if_match)
    before = reason.external_ids
    if apply_patch(reason, patch):
        await rename(session, NOUN, reason.id, before=before, after=reason.external_ids)
        await record(session, reason, ReasonUpdated(state=state_of(reason)))
    return reason


async def retire_reason(session: AsyncSession, reason_id: UUID) -> Reason:
    """Let nobody choose it any more. Raises NotFound, WrongState."""
    reason = await get_reason(session, reason_id, lock=True)
    rules.check_can_retire(reason.status)
    reason.status = "retired"
    await record(session, reason, ReasonRetired(state=state_of(reason)))
    return reason


async def archive_reason(session: AsyncSession, reason_id: UUID) -> Reason:
    """Hide from lists. Raises NotFound."""
    reason = await get_reason(session, reason_id, lock=True)
    if reason.archived_at is None:
        reason.archived_at = now(session)
        await record(session, reason, ReasonArchived(state=state_of(reason)))
    return reason


async def restore_reason(session: AsyncSession, reason_id: UUID) -> Reason:
    """Bring back to lists. Raises NotFound."""
    reason = await get_reason(session, reason_id, lock=True)
    if reason.archived_at is not None:
        reason.archived_at = None
        await record(session, reason, ReasonRestored(state=state_of(reason)))
    return reason


async def create_each(session: AsyncSession, reasons: Sequence[ReasonCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, reasons, write=write_reasons)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, ReasonCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    return await upsert_named(session, NOUN, items, write=write_reasons, change=_hold_against)


async def update_each(session: AsyncSession, reason_id: UUID, patch: ReasonPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    reason = await update_reason(session, reason_id, patch, if_match)
    return Outcome(200, reason.id, reason.version)


async def archive_each(session: AsyncSession, reason_id: UUID) -> Outcome:
    """Archive for a batch."""
    reason = await archive_reason(session, reason_id)
    return Outcome(200, reason.id, reason.version)


async def _hold_against(session: AsyncSession, reason_id: UUID, wanted: ReasonCreate) -> Outcome:
    reason = await get_reason(session, reason_id, lock=True)
    rules.check_kind_stays(reason.kind, wanted.kind)
    return await update_each(session, reason_id, patch_of(wanted, ReasonPatch, reason.external_ids), "*")


BATCH = BatchVerbs(ReasonCreate, ReasonPatch, create_each, upsert_each, update_each, archive_each)
