"""Changing consent purposes."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal
from services.events.contacts import (
    ConsentPurposeArchived,
    ConsentPurposeCreated,
    ConsentPurposeRestored,
    ConsentPurposeState,
    ConsentPurposeUpdated,
)
from services.merge_patch import apply_patch
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules
from .models import ConsentPurpose
from .queries import get_purpose
from .schemas import ConsentPurposeCreate, ConsentPurposePatch, NewWording

NOUN = "consent_purpose"


def state_of(purpose: ConsentPurpose | Values) -> ConsentPurposeState:
    """The public state of a purpose or of its row."""
    return ConsentPurposeState.model_validate(purpose)


async def write_purposes(session: AsyncSession, births: Sequence[tuple[UUID, ConsentPurposeCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new purposes and their events, one statement each; one whose key is taken is refused."""
    answers: dict[UUID, Values | Refusal] = {}
    for purpose_id, body in births:
        try:
            answers[purpose_id] = _row(session, purpose_id, body)
        except Refusal as refusal:
            answers[purpose_id] = refusal
    rows = [answer for answer in answers.values() if isinstance(answer, dict)]
    if rows:
        statement = insert(ConsentPurpose).values(rows).on_conflict_do_nothing().returning(ConsentPurpose.id)
        born = set(await session.scalars(statement))
        taken = {row["id"]: rules.KeyTaken(f"Another purpose has the key '{row['key']}'") for row in rows if row["id"] not in born}
        answers |= taken
        rows = [row for row in rows if row["id"] in born]
    facts = [ConsentPurposeCreated(state=state_of(row)) for row in rows]
    written = [Written(row["id"], 1, row["partition_key"], row["updated_at"]) for row in rows]
    await record_many(session, [(row, fact, None) for row, fact in zip(written, facts, strict=True)])
    return answers


def _row(session: AsyncSession, purpose_id: UUID, body: ConsentPurposeCreate) -> Values:
    rules.check_languages([wording.language for wording in body.wordings])
    wordings: list[rules.Wording] = []
    for wording in body.wordings:
        wordings = rules.worded(wordings, wording.language, wording.text, at=now(session))
    return {**birth(session, purpose_id), **body.model_dump(), "wordings": wordings}


async def create_purpose(session: AsyncSession, body: ConsentPurposeCreate) -> ConsentPurpose:
    """Create one. Raises Invalid, KeyTaken, ExternalIdTaken."""
    return ConsentPurpose(**await create_one(session, NOUN, body, write=write_purposes))


async def update_purpose(session: AsyncSession, purpose_id: UUID, patch: ConsentPurposePatch, if_match: str | None) -> ConsentPurpose:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, ExternalIdTaken."""
    purpose = await get_purpose(session, purpose_id, lock=True)
    check_version(purpose.version, if_match)
    before = purpose.external_ids
    if apply_patch(purpose, patch):
        await rename(session, NOUN, purpose.id, before=before, after=purpose.external_ids)
        await record(session, purpose, ConsentPurposeUpdated(state=state_of(purpose)))
    return purpose


async def word_purpose(session: AsyncSession, purpose_id: UUID, wording: NewWording) -> ConsentPurpose:
    """Ask in new words from now on; the same words change nothing. Raises NotFound, Invalid."""
    purpose = await get_purpose(session, purpose_id, lock=True)
    wordings = rules.worded(purpose.wordings, wording.language, wording.text, at=now(session))
    if wordings != purpose.wordings:
        purpose.wordings = [dict(each) for each in wordings]
        await record(session, purpose, ConsentPurposeUpdated(state=state_of(purpose)))
    return purpose


async def archive_purpose(session: AsyncSession, purpose_id: UUID) -> ConsentPurpose:
    """Ask nobody for it any more. Raises NotFound."""
    purpose = await get_purpose(session, purpose_id, lock=True)
    if purpose.archived_at is None:
        purpose.archived_at = now(session)
        await record(session, purpose, ConsentPurposeArchived(state=state_of(purpose)))
    return purpose


async def restore_purpose(session: AsyncSession, purpose_id: UUID) -> ConsentPurpose:
    """Ask for it again. Raises NotFound."""
    purpose = await get_purpose(session, purpose_id, lock=True)
    if purpose.archived_at is not None:
        purpose.archived_at = None
        await record(session, purpose, ConsentPurposeRestored(state=state_of(purpose)))
    return purpose


async def create_each(session: AsyncSession, bodies: Sequence[ConsentPurposeCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, bodies, write=write_purposes)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, ConsentPurposeCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    return await upsert_named(session, NOUN, items, write=write_purposes, change=_hold_against)


async def update_each(session: AsyncSession, purpose_id: UUID, patch: ConsentPurposePatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    purpose = await update_purpose(session, purpose_id, patch, if_match)
    return Outcome(200, purpose.id, purpose.version)


async def archive_each(session: AsyncSession, purpose_id: UUID) -> Outcome:
    """Archive for a batch."""
    purpose = await archive_purpose(session, purpose_id)
    return Outcome(200, purpose.id, purpose.version)


async def _hold_against(session: AsyncSession, purpose_id: UUID, wanted: ConsentPurposeCreate) -> Outcome:
    """An upsert of a known purpose changes its fields; its wording it leaves alone, since that is versioned by a verb."""
    purpose = await get_purpose(session, purpose_id, lock=True)
    rules.check_key_stays(purpose.key, wanted.key)
    return await update_each(session, purpose_id, patch_of(wanted, ConsentPurposePatch, purpose.external_ids), "*")


BATCH = BatchVerbs(ConsentPurposeCreate, ConsentPurposePatch, create_each, upsert_each, update_each, archive_each)
