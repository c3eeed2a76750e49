"""Which opportunities stall, and when: a durable job for each that is in a stage with rotting days.

The job alone sets and clears `stalled_since` of an open opportunity, so that every `stalled` has its `resumed`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.pipelines.models import Pipeline
from services.database import now
from services.events.pipeline_opportunities import OpportunityResumed, OpportunityStalled, OpportunityState
from services.jobs import Work
from services.outbox import record
from services.timers import arm_many

from .models import Opportunity
from .rules import find_stage, seconds_between, stalls_at

STALL, STALL_OF_PIPELINE = "opportunity_stall", "pipeline_stall"
DAY = 86_400
AT_ONCE = 500


def state_of(opportunity: Opportunity | Mapping[str, Any]) -> OpportunityState:
    """The public state of an opportunity or of its row."""
    return OpportunityState.model_validate(opportunity)


def entry_of(row: Mapping[str, Any], *, from_stage_id: UUID | None) -> dict[str, Any]:
    """The entry of the stage history for a row that has just come into its stage."""
    return {
        "opportunity_id": row["id"],
        "version": row["version"],
        "tenant_id": row["tenant_id"],
        "from_stage_id": from_stage_id,
        "to_stage_id": row["stage_id"],
        "entered_at": row["stage_since"],
        "is_open": row["status"] == "open",
    }


async def watch(session: AsyncSession, rows: Sequence[Mapping[str, Any]], pipelines: Mapping[UUID, Pipeline]) -> None:
    """Arm the timers of rows that have just come into an open stage: at once for one that was stalled, else when it will be."""
    due: dict[str, datetime] = {}
    for row in rows:
        stage = find_stage(pipelines[row["pipeline_id"]].stages, row["stage_id"])
        at = now(session) if row["stalled_since"] else stalls_at(stage, since=row["stage_since"])
        if row["status"] == "open" and at is not None:
            due[str(row["id"])] = at
    await arm_many(session, STALL, due)


async def look_again(session: AsyncSession, opportunity_ids: Sequence[UUID]) -> None:
    """Have the timers of these look at once."""
    for begin in range(0, len(opportunity_ids), AT_ONCE):
        await arm_many(session, STALL, dict.fromkeys(map(str, opportunity_ids[begin : begin + AT_ONCE]), now(session)))


async def look_at_pipeline(session: AsyncSession, work: Work) -> None:
    """The job after the stages of a pipeline have changed: the timers of all its open opportunities look again."""
    open_ones = select(Opportunity.id).where(Opportunity.pipeline_id == UUID(work.key), Opportunity.status == "open")
    await look_again(session, list(await session.scalars(open_ones)))


async def look_at_opportunity(session: AsyncSession, work: Work) -> None:
    """The job of one opportunity: tell that it stalled or resumed, or come again when it will have stalled."""
    opportunity = await session.get(Opportunity, UUID(work.key), with_for_update=True)
    if opportunity is None or opportunity.status != "open" or opportunity.archived_at is not None:
        return
    pipeline = await session.get_one(Pipeline, opportunity.pipeline_id)
    due = stalls_at(find_stage(pipeline.stages, opportunity.stage_id), since=opportunity.stage_since)
    at = now(session)
    days = seconds_between(opportunity.stage_since, at) // DAY
    if due is not None and due <= at:
        if opportunity.stalled_since is None:
            opportunity.stalled_since = due
            await record(session, opportunity, OpportunityStalled(state=state_of(opportunity), days_in_stage=days), occurred_at=due)
        return
    if opportunity.stalled_since is not None:
        opportunity.stalled_since = None
        await record(session, opportunity, OpportunityResumed(state=state_of(opportunity), days_in_stage=days))
    if due is not None:
        await arm_many(session, STALL, {work.key: due})
