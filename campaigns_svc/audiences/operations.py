"""Changing audiences."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome, refuse_upserts
from services.database import birth, now
from services.errors import Refusal
from services.events.campaigns import AudienceArchived, AudienceCreated, AudienceRestored, AudienceState, AudienceUpdated
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version

from . import queries, rules
from .models import Audience
from .queries import get_audience
from .schemas import AudienceCreate, AudiencePatch


def state_of(audience: Audience) -> AudienceState:
    """The public state of an audience."""
    return AudienceState.model_validate(audience)


async def create_audiences(session: AsyncSession, audiences: Sequence[AudienceCreate]) -> list[Audience]:
    """Write new audiences and their events: one multi-row INSERT each. Raises Invalid for a filter that is none."""
    if not audiences:
        return []
    for audience in audiences:
        queries.condition_of(audience.include, audience.exclude, at=now(session))
    unsized = {"size": None, "sized_at": None, "status": "draft"}
    rows = [{**birth(session, new_id()), **audience.model_dump(), **unsized} for audience in audiences]
    await session.execute(insert(Audience.__table__), rows)  # type: ignore[arg-type]
    made = [Audience(**row) for row in rows]
    await record_many(session, [(audience, AudienceCreated(state=state_of(audience)), None) for audience in made])
    return made


async def update_audience(session: AsyncSession, audience_id: UUID, patch: AudiencePatch, if_match: str | None) -> Audience:
    """Change a draft. Raises NotFound, PreconditionMissing, Stale, WrongState, Invalid."""
    audience = await get_audience(session, audience_id, lock=True)
    check_version(audience.version, if_match)
    if apply_patch(audience, patch):
        rules.check_is_draft("update", audience.status)
        queries.condition_of(audience.include, audience.exclude, at=now(session))
        await record(session, audience, AudienceUpdated(state=state_of(audience)))
    return audience


async def ready_audience(session: AsyncSession, audience_id: UUID) -> Audience:
    """Count it, and let campaigns begin with it; from now on it stays as it is. Raises NotFound, WrongState."""
    audience = await get_audience(session, audience_id, lock=True)
    rules.check_is_draft("ready", audience.status)
    preview = await queries.preview_audience(session, audience.include, audience.exclude)
    audience.status, audience.size, audience.sized_at = "ready", preview.size, preview.at
    await record(session, audience, AudienceUpdated(state=state_of(audience)))
    return audience


async def archive_audience(session: AsyncSession, audience_id: UUID) -> Audience:
    """Hide from lists; no campaign may begin with it. Raises NotFound."""
    audience = await get_audience(session, audience_id, lock=True)
    if audience.archived_at is None:
        audience.archived_at, audience.status = now(session), "archived"
        await record(session, audience, AudienceArchived(state=state_of(audience)))
    return audience


async def restore_audience(session: AsyncSession, audience_id: UUID) -> Audience:
    """Bring back to lists, as a draft. Raises NotFound."""
    audience = await get_audience(session, audience_id, lock=True)
    if audience.archived_at is not None:
        audience.archived_at, audience.status = None, "draft"
        await record(session, audience, AudienceRestored(state=state_of(audience)))
    return audience


async def create_each(session: AsyncSession, audiences: Sequence[AudienceCreate]) -> list[Outcome | Refusal]:
    """Create for a batch; a filter that is none refuses its audience alone."""
    answers: list[Outcome | Refusal | None] = [_refusal(session, audience) for audience in audiences]
    sound = [audience for audience, refusal in zip(audiences, answers, strict=True) if refusal is None]
    made = iter(await create_audiences(session, sound))
    return [answer or Outcome(201, (audience := next(made)).id, audience.version) for answer in answers]


def _refusal(session: AsyncSession, audience: AudienceCreate) -> Refusal | None:
    try:
        queries.condition_of(audience.include, audience.exclude, at=now(session))
    except Refusal as refusal:
        return refusal
    return None


async def update_each(session: AsyncSession, audience_id: UUID, patch: AudiencePatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    audience = await update_audience(session, audience_id, patch, if_match)
    return Outcome(200, audience.id, audience.version)


async def archive_each(session: AsyncSession, audience_id: UUID) -> Outcome:
    """Archive for a batch."""
    audience = await archive_audience(session, audience_id)
    return Outcome(200, audience.id, audience.version)


BATCH = BatchVerbs(AudienceCreate, AudiencePatch, create_each, refuse_upserts, update_each, archive_each)
