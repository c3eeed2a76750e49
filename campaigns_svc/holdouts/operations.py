"""Changing holdouts."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome, refuse_upserts
from services.database import birth, now
from services.errors import Refusal
from services.events.campaigns_course import HoldoutArchived, HoldoutCreated, HoldoutRestored, HoldoutState, HoldoutUpdated
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version
from services.tenants import business_day, get_tenant

from . import rules
from .models import Holdout
from .queries import get_holdout
from .schemas import HoldoutCreate, HoldoutPatch


def state_of(holdout: Holdout) -> HoldoutState:
    """The public state of a holdout."""
    return HoldoutState.model_validate(holdout)


async def create_holdouts(session: AsyncSession, holdouts: Sequence[HoldoutCreate]) -> list[Holdout]:
    """Write new holdouts and their events: one multi-row INSERT each."""
    if not holdouts:
        return []
    today = business_day(await get_tenant(session), now(session))
    rows = []
    for holdout in holdouts:
        drawn = {"salt": holdout.salt or new_id().hex, "from_on": holdout.from_on or today, "status": "active"}
        rows.append({**birth(session, new_id()), **holdout.model_dump(), **drawn})
    await session.execute(insert(Holdout.__table__), rows)  # type: ignore[arg-type]
    made = [Holdout(**row) for row in rows]
    await record_many(session, [(holdout, HoldoutCreated(state=state_of(holdout)), None) for holdout in made])
    return made


async def update_holdout(session: AsyncSession, holdout_id: UUID, patch: HoldoutPatch, if_match: str | None) -> Holdout:
    """Change until when it holds. Raises NotFound, PreconditionMissing, Stale, WrongState."""
    holdout = await get_holdout(session, holdout_id, lock=True)
    check_version(holdout.version, if_match)
    if apply_patch(holdout, patch):
        rules.check_is_active("update", holdout.status)
        await record(session, holdout, HoldoutUpdated(state=state_of(holdout)))
    return holdout


async def end_holdout(session: AsyncSession, holdout_id: UUID) -> Holdout:
    """Hold nobody out by it any more. Raises NotFound, WrongState."""
    holdout = await get_holdout(session, holdout_id, lock=True)
    rules.check_is_active("end", holdout.status)
    holdout.status = "ended"
    await record(session, holdout, HoldoutUpdated(state=state_of(holdout)))
    return holdout


async def archive_holdout(session: AsyncSession, holdout_id: UUID) -> Holdout:
    """Hide from lists. Raises NotFound."""
    holdout = await get_holdout(session, holdout_id, lock=True)
    if holdout.archived_at is None:
        holdout.archived_at = now(session)
        await record(session, holdout, HoldoutArchived(state=state_of(holdout)))
    return holdout


async def restore_holdout(session: AsyncSession, holdout_id: UUID) -> Holdout:
    """Bring back to lists. Raises NotFound."""
    holdout = await get_holdout(session, holdout_id, lock=True)
    if holdout.archived_at is not None:
        holdout.archived_at = None
        await record(session, holdout, HoldoutRestored(state=state_of(holdout)))
    return holdout


async def create_each(session: AsyncSession, holdouts: Sequence[HoldoutCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [Outcome(201, holdout.id, holdout.version) for holdout in await create_holdouts(session, holdouts)]


async def update_each(session: AsyncSession, holdout_id: UUID, patch: HoldoutPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    holdout = await update_holdout(session, holdout_id, patch, if_match)
    return Outcome(200, holdout.id, holdout.version)


async def archive_each(session: AsyncSession, holdout_id: UUID) -> Outcome:
    """Archive for a batch."""
    holdout = await archive_holdout(session, holdout_id)
    return Outcome(200, holdout.id, holdout.version)


BATCH = BatchVerbs(HoldoutCreate, HoldoutPatch, create_each, refuse_upserts, update_each, archive_each)
