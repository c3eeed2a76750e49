"""Writing opportunities: their birth (set-based, for one and for many), changes of fields, owner, archive and restore."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, null, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.pipelines.models import Pipeline
from pipeline_svc.pipelines.queries import find_pipelines, get_pipeline
from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, context_of, now
from services.errors import Refusal, WrongState, invalid_field
from services.events.pipeline_opportunities import (
    AssignmentReason,
    OpportunityArchived,
    OpportunityAssigned,
    OpportunityCreated,
    OpportunityRestored,
    OpportunityUpdated,
)
from services.kept_statements import KeptInsert
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules, timers
from .models import Opportunity, StageEntry
from .queries import get_opportunity
from .schemas import AssignmentReasonWrite, OpportunityCreate, OpportunityPatch, OpportunityRead
from .timers import state_of

NOUN = "opportunity"
IN_JSON = {"contact_roles", "competitor_ids", "splits", "team_ids", "tags", "external_ids"}
PLAIN = OpportunityPatch.model_fields.keys() - {"lines", "amount_minor", "probability_bps"}
"""The fields that are set as they are sent."""

_TABLE: Any = Opportunity.__table__
_ROW = {column: bindparam(column.key, type_=column.type) for column in _TABLE.columns}
_BORN = insert(_TABLE).values(_ROW).returning(*map(_TABLE.c.get, ("id", "version", "tenant_id", "stage_id", "stage_since"))).cte("born")
_ENTERED = {
    "opportunity_id": _BORN.c.id,
    "version": _BORN.c.version,
    "tenant_id": _BORN.c.tenant_id,
    "from_stage_id": null(),
    "to_stage_id": _BORN.c.stage_id,
    "entered_at": _BORN.c.stage_since,
    "is_open": true(),
}
BIRTH = KeptInsert(insert(StageEntry.__table__).from_select(list(_ENTERED), select(*_ENTERED.values())))  # type: ignore[arg-type]
"""A new opportunity and its entry into its first stage, in one statement."""


async def create_opportunity(
    session: AsyncSession, opportunity: OpportunityCreate, *, roles: Sequence[str], lead_id: UUID | None = None
) -> OpportunityRead:
    """Open one, which may have grown out of a lead. Raises Invalid, ExternalIdTaken, StageNotAllowed, PipelineIsRetired."""
    write = partial(write_opportunities, roles=roles, lead_id=lead_id)
    return OpportunityRead.model_validate(await create_one(session, NOUN, opportunity, write=write))


async def write_opportunities(
    session: AsyncSession, births: Sequence[tuple[UUID, OpportunityCreate]], *, roles: Sequence[str], lead_id: UUID | None = None
) -> dict[UUID, Values | Refusal]:
    """Write new opportunities, their first stages and their events, one statement each, and arm their timers."""
    pipelines = await find_pipelines(session, {opportunity.pipeline_id for _, opportunity in births})
    answers: dict[UUID, Values | Refusal] = {}
    rows = []
    for opportunity_id, opportunity in births:
        try:
            rows.append(_row(session, opportunity_id, opportunity, pipeline=pipelines.get(opportunity.pipeline_id), roles=roles))
        except Refusal as refusal:
            answers[opportunity_id] = refusal
    if rows:
        await BIRTH.write(session, rows)
        await timers.watch(session, rows, pipelines)
    facts = [
        (
            Written(row["id"], 1, row["partition_key"], row["updated_at"]),
            OpportunityCreated(state=state_of(row), stage_id=row["stage_id"], lead_id=lead_id),
            row["opened_at"],
        )
        for row in rows
    ]
    await record_many(session, facts)
    return answers | {row["id"]: row for row in rows}


async def update_opportunity(session: AsyncSession, opportunity_id: UUID, patch: OpportunityPatch, if_match: str | None) -> Opportunity:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, Invalid, WrongState, ExternalIdTaken."""
    opportunity = await get_opportunity(session, opportunity_id, lock=True)
    check_version(opportunity.version, if_match)
    wanted = _columns(patch, patch.model_fields_set)
    if patch.model_fields_set & {"lines", "amount_minor"}:
        wanted |= _amounts(patch, known=opportunity.lines)
    if "probability_bps" in patch.model_fields_set:
        wanted |= await _probability(session, opportunity, patch.probability_bps)
    changes = {name: value for name, value in wanted.items() if getattr(opportunity, name) != value}
    if not changes:
        return opportunity
    if "external_ids" in changes:
        await rename(session, NOUN, opportunity.id, before=opportunity.external_ids, after=changes["external_ids"])
    for name, value in changes.items():
        setattr(opportunity, name, value)
    rules.check_splits(opportunity.splits)
    rules.check_recurring(opportunity.recurring_amount_minor, opportunity.recurring_interval)
    await record(session, opportunity, OpportunityUpdated(state=state_of(opportunity)))
    return opportunity


async def assign_opportunity(
    session: AsyncSession, opportunity_id: UUID, *, owner_id: UUID, rule_id: UUID | None, reasons: Sequence[AssignmentReason]
) -> Opportunity:
    """Give it to an owner, by hand (no rule) or by a rule; who has it already keeps it, untold. Raises NotFound."""
    opportunity = await get_opportunity(session, opportunity_id, lock=True)
    if opportunity.owner_id != owner_id:
        before, opportunity.owner_id = opportunity.owner_id, owner_id
        fact = OpportunityAssigned(state=state_of(opportunity), from_owner_id=before, rule_id=rule_id, reasons=list(reasons))
        await record(session, opportunity, fact)
    return opportunity


async def assign_by_hand(
    session: AsyncSession, opportunity_id: UUID, *, owner_id: UUID, reasons: Sequence[AssignmentReasonWrite]
) -> Opportunity:
    """Give it to an owner for the reasons that a person names. Raises NotFound."""
    why = [AssignmentReason(code=reason.code, number=reason.number) for reason in reasons]
    return await assign_opportunity(session, opportunity_id, owner_id=owner_id, rule_id=None, reasons=why)


async def archive_opportunity(session: AsyncSession, opportunity_id: UUID) -> Opportunity:
    """Hide from lists. Raises NotFound."""
    opportunity = await get_opportunity(session, opportunity_id, lock=True)
    if opportunity.archived_at is None:
        opportunity.archived_at = now(session)
        await record(session, opportunity, OpportunityArchived(state=state_of(opportunity)))
    return opportunity


async def restore_opportunity(session: AsyncSession, opportunity_id: UUID) -> Opportunity:
    """Bring back to lists, and look again whether it stalls. Raises NotFound."""
    opportunity = await get_opportunity(session, opportunity_id, lock=True)
    if opportunity.archived_at is not None:
        opportunity.archived_at = None
        await record(session, opportunity, OpportunityRestored(state=state_of(opportunity)))
        await timers.look_again(session, [opportunity.id])
    return opportunity


def batch_verbs(roles: Sequence[str]) -> BatchVerbs[OpportunityCreate, OpportunityPatch]:
    """What a batch does, for a caller with these roles. An upsert of a known opportunity changes the fields of a patch alone: where
    and when it was born, and whose it is, are no content.
    """
    write = partial(write_opportunities, roles=roles)

    async def create_each(session: AsyncSession, bodies: Sequence[OpportunityCreate]) -> list[Outcome | Refusal]:
        return [outcome_of(answer) for answer in await create_named(session, NOUN, bodies, write=write)]

    async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, OpportunityCreate]]) -> list[Outcome | Refusal]:
        return await upsert_named(session, NOUN, items, write=write, change=_hold_against)

    return BatchVerbs(OpportunityCreate, OpportunityPatch, create_each, upsert_each, update_each, archive_each)


async def update_each(session: AsyncSession, opportunity_id: UUID, patch: OpportunityPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    opportunity = await update_opportunity(session, opportunity_id, patch, if_match)
    return Outcome(200, opportunity.id, opportunity.version)


async def archive_each(session: AsyncSession, opportunity_id: UUID) -> Outcome:
    """Archive for a batch."""
    opportunity = await archive_opportunity(session, opportunity_id)
    return Outcome(200, opportunity.id, opportunity.version)


async def _hold_against(session: AsyncSession, opportunity_id: UUID, wanted: OpportunityCreate) -> Outcome:
    opportunity = await get_opportunity(session, opportunity_id, lock=True)
    return await update_each(session, opportunity_id, patch_of(wanted, OpportunityPatch, opportunity.external_ids), "*")


def _row(
    session: AsyncSession, opportunity_id: UUID, opportunity: OpportunityCreate, *, pipeline: Pipeline | None, roles: Sequence[str]
) -> Values:
    """The row of an opportunity that is being born. Raises Invalid, StageNotAllowed, PipelineIsRetired."""
    if pipeline is None:
        raise invalid_field("/pipeline_id", "unknown_pipeline", f"There is no pipeline {opportunity.pipeline_id}")
    if pipeline.status != "active":
        raise rules.PipelineIsRetired("This pipeline is retired")
    tenant_id = context_of(session).tenant_id
    row = birth(session, opportunity_id, partition_key=f"{tenant_id}:{opportunity.contact_id or opportunity_id}")
    row |= _columns(opportunity, PLAIN) | _amounts(opportunity, known=[]) | {"probability_bps": opportunity.probability_bps}
    rules.check_splits(row["splits"])
    rules.check_recurring(row["recurring_amount_minor"], row["recurring_interval"])
    gate = rules.Gate(pipeline.stages, roles, row["created_at"])
    row |= {"owner_id": opportunity.owner_id, "pipeline_id": pipeline.id, "currency": opportunity.currency or pipeline.currency}
    row |= rules.decide_birth(row, gate, stage_id=opportunity.stage_id, opened_at=opportunity.opened_at)
    return row | {"closed_at": None, "reason_id": None, "stalled_since": None}


def _columns(body: OpportunityPatch, names: Any) -> Values:
    """The values of `names` as they are kept."""
    values = {name: getattr(body, name) for name in names & PLAIN}
    return values | body.model_dump(mode="json", include=values.keys() & IN_JSON)


def _amounts(body: OpportunityPatch, *, known: Sequence[Mapping[str, Any]]) -> Values:
    """Lines and amount: where there are lines, their sum. Raises Invalid."""
    sent = body.model_fields_set
    if "lines" in sent:
        lines, total = rules.price_lines(body.model_dump(mode="json", include={"lines"})["lines"])
    else:
        lines, total = [dict(line) for line in known], sum(line["amount_minor"] for line in known)
    if lines and "amount_minor" in sent:
        rules.check_amount(body.amount_minor, total)
    changes: Values = {"lines": lines}
    if lines or "amount_minor" in sent or isinstance(body, OpportunityCreate):
        changes["amount_minor"] = total if lines else body.amount_minor
    return changes


async def _probability(session: AsyncSession, opportunity: Opportunity, probability_bps: int | None) -> Values:
    """A probability given by hand, or that of the stage again. Raises WrongState where the end is known."""
    if opportunity.status != "open":
        raise WrongState("update", state=opportunity.status, verbs_that_fit=rules.FITTING[opportunity.status])
    if probability_bps is not None:
        return {"probability_bps": probability_bps, "probability_source": "manual"}
    stage = rules.find_stage((await get_pipeline(session, opportunity.pipeline_id)).stages, opportunity.stage_id)
    return {"probability_bps": stage["probability_bps"], "probability_source": "stage"} if stage else {}
