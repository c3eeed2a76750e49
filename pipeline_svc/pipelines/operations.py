"""Changing pipelines and their stages."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.opportunities import timers
from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal
from services.events.pipeline_catalogue import (
    PipelineArchived,
    PipelineChanged,
    PipelineCreated,
    PipelineReactivated,
    PipelineRestored,
    PipelineRetired,
    PipelineState,
)
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.timers import arm
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules
from .models import Pipeline
from .queries import get_pipeline
from .schemas import PipelineCreate, PipelinePatch, StageWrite

NOUN = "pipeline"


def state_of(pipeline: Pipeline | Values) -> PipelineState:
    """The public state of a pipeline or of its row."""
    return PipelineState.model_validate(pipeline)


async def write_pipelines(session: AsyncSession, births: Sequence[tuple[UUID, PipelineCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new pipelines and their events: one statement each."""
    answers: dict[UUID, Values | Refusal] = {}
    rows = []
    for pipeline_id, pipeline in births:
        try:
            stages = _stages(pipeline.stages, known=[])
            rows.append({**birth(session, pipeline_id), **pipeline.model_dump(), "stages": stages, "status": "active"})
        except Refusal as refusal:
            answers[pipeline_id] = refusal
    if rows:
        await session.execute(insert(Pipeline.__table__), rows)  # type: ignore[arg-type]
    facts = [(Written(row["id"], 1, row["partition_key"], row["updated_at"]), PipelineCreated(state=state_of(row)), None) for row in rows]
    await record_many(session, facts)
    return answers | {row["id"]: row for row in rows}


async def create_pipeline(session: AsyncSession, pipeline: PipelineCreate) -> Pipeline:
    """Create one with its stages. Raises Invalid, ExternalIdTaken."""
    return Pipeline(**await create_one(session, NOUN, pipeline, write=write_pipelines))


async def update_pipeline(session: AsyncSession, pipeline_id: UUID, patch: PipelinePatch, if_match: str | None) -> Pipeline:
    """Change name, currency or external ids. Raises NotFound, PreconditionMissing, Stale, ExternalIdTaken."""
    pipeline = await get_pipeline(session, pipeline_id, lock=True)
    check_version(pipeline.version, if_match)
    before = pipeline.external_ids
    if apply_patch(pipeline, patch):
        await rename(session, NOUN, pipeline.id, before=before, after=pipeline.external_ids)
        await record(session, pipeline, PipelineChanged(state=state_of(pipeline)))
    return pipeline


async def put_stages(session: AsyncSession, pipeline_id: UUID, stages: Sequence[StageWrite], if_match: str | None) -> Pipeline:
    """Write the whole list of stages. Raises NotFound, PreconditionMissing, Stale, Invalid, StageKindIsFixed, TooManyStages."""
    pipeline = await get_pipeline(session, pipeline_id, lock=True)
    check_version(pipeline.version, if_match)
    wanted = _stages(stages, known=pipeline.stages)
    if wanted != pipeline.stages:
        pipeline.stages = wanted
        await record(session, pipeline, PipelineChanged(state=state_of(pipeline)))
        await arm(session, timers.STALL_OF_PIPELINE, str(pipeline.id))
    return pipeline


async def retire_pipeline(session: AsyncSession, pipeline_id: UUID) -> Pipeline:
    """Open nothing in it any more. Raises NotFound, WrongState."""
    pipeline = await get_pipeline(session, pipeline_id, lock=True)
    pipeline.status = rules.decide_status("retire", pipeline.status)
    await record(session, pipeline, PipelineRetired(state=state_of(pipeline)))
    return pipeline


async def reactivate_pipeline(session: AsyncSession, pipeline_id: UUID) -> Pipeline:
    """Open opportunities in it again. Raises NotFound, WrongState."""
    pipeline = await get_pipeline(session, pipeline_id, lock=True)
    pipeline.status = rules.decide_status("reactivate", pipeline.status)
    await record(session, pipeline, PipelineReactivated(state=state_of(pipeline)))
    return pipeline


async def archive_pipeline(session: AsyncSession, pipeline_id: UUID) -> Pipeline:
    """Hide from lists. Raises NotFound."""
    pipeline = await get_pipeline(session, pipeline_id, lock=True)
    if pipeline.archived_at is None:
        pipeline.archived_at = now(session)
        await record(session, pipeline, PipelineArchived(state=state_of(pipeline)))
    return pipeline


async def restore_pipeline(session: AsyncSession, pipeline_id: UUID) -> Pipeline:
    """Bring back to lists. Raises NotFound."""
    pipeline = await get_pipeline(session, pipeline_id, lock=True)
    if pipeline.archived_at is not None:
        pipeline.archived_at = None
        await record(session, pipeline, PipelineRestored(state=state_of(pipeline)))
    return pipeline


async def create_each(session: AsyncSession, pipelines: Sequence[PipelineCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, pipelines, write=write_pipelines)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, PipelineCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    return await upsert_named(session, NOUN, items, write=write_pipelines, change=_hold_against)


async def update_each(session: AsyncSession, pipeline_id: UUID, patch: PipelinePatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    pipeline = await update_pipeline(session, pipeline_id, patch, if_match)
    return Outcome(200, pipeline.id, pipeline.version)


async def archive_each(session: AsyncSession, pipeline_id: UUID) -> Outcome:
    """Archive for a batch."""
    pipeline = await archive_pipeline(session, pipeline_id)
    return Outcome(200, pipeline.id, pipeline.version)


async def _hold_against(session: AsyncSession, pipeline_id: UUID, wanted: PipelineCreate) -> Outcome:
    """Change name, currency, external ids and stages where they differ, in one event."""
    pipeline = await get_pipeline(session, pipeline_id, lock=True)
    before, stages = pipeline.external_ids, _stages(wanted.stages, known=pipeline.stages)
    differs = apply_patch(pipeline, patch_of(wanted, PipelinePatch, before))
    if differs or stages != pipeline.stages:
        pipeline.stages = stages
        await rename(session, NOUN, pipeline.id, before=before, after=pipeline.external_ids)
        await record(session, pipeline, PipelineChanged(state=state_of(pipeline)))
        await arm(session, timers.STALL_OF_PIPELINE, str(pipeline.id))
    return Outcome(200, pipeline.id, pipeline.version)


def _stages(stages: Sequence[StageWrite], *, known: Sequence[Values]) -> list[Values]:
    return rules.decide_stages([stage.model_dump() for stage in stages], known, ids=[new_id() for _ in stages])


BATCH = BatchVerbs(PipelineCreate, PipelinePatch, create_each, upsert_each, update_each, archive_each)
