"""The verbs that move a lead: each locks it, asks the rules, changes it and tells of it once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.activities.rules import decide_instant
from pipeline_svc.assignment.deciding import decide_owner, piece_of
from pipeline_svc.assignment.schemas import Assignment
from pipeline_svc.reasons.queries import check_choice
from services.database import now
from services.events.pipeline_leads import LeadAssigned, LeadDisqualified, LeadQualified, LeadRecycled, LeadStarted
from services.outbox import record, record_many
from services.upserts import Values

from . import rules
from .models import Lead
from .operations import state_of, written_of
from .queries import get_lead
from .schemas import Disqualification

GIVE = (
    update(Lead.__table__)  # type: ignore[arg-type]
    .where(Lead.__table__.c.id == bindparam("lead"))
    .values(owner_id=bindparam("owner"), version=bindparam("next"), updated_at=bindparam("changed_at"))
)


async def work_lead(session: AsyncSession, lead_id: UUID, *, at: datetime | None = None) -> Lead:
    """Begin to work on it; the first time is its first response. Raises NotFound, WrongState, Invalid."""
    lead, at = await _move(session, lead_id, "work", at=at)
    seconds = None
    if lead.first_response_at is None:
        lead.first_response_at = at
        seconds = int((at - lead.opened_at).total_seconds())
    await record(session, lead, LeadStarted(state=state_of(lead), seconds_to_first_response=seconds), occurred_at=at)
    return lead


async def qualify_lead(session: AsyncSession, lead_id: UUID, *, at: datetime | None = None) -> Lead:
    """It is worth an opportunity. Raises NotFound, WrongState, Invalid."""
    lead, at = await _move(session, lead_id, "qualify", at=at)
    await record(session, lead, LeadQualified(state=state_of(lead)), occurred_at=at)
    return lead


async def disqualify_lead(session: AsyncSession, lead_id: UUID, why: Disqualification) -> Lead:
    """It is not worth following. Raises NotFound, WrongState, Invalid."""
    lead, at = await _move(session, lead_id, "disqualify", at=why.at)
    if why.reason_id is not None:
        await check_choice(session, why.reason_id, kind="disqualified")
    lead.disqualify_reason_id = why.reason_id
    await record(session, lead, LeadDisqualified(state=state_of(lead), reason_id=why.reason_id), occurred_at=at)
    return lead


async def recycle_lead(session: AsyncSession, lead_id: UUID, *, at: datetime | None = None) -> Lead:
    """It may be worked on again. Raises NotFound, WrongState, Invalid."""
    lead, at = await _move(session, lead_id, "recycle", at=at)
    lead.disqualify_reason_id = None
    await record(session, lead, LeadRecycled(state=state_of(lead)), occurred_at=at)
    return lead


async def assign_lead(session: AsyncSession, lead_id: UUID, owner_id: UUID | None) -> Lead:
    """Give it to an owner, or to whom the active rules name; who has it keeps it, untold. Raises NotFound, WrongState, NobodyFits."""
    lead = await get_lead(session, lead_id, lock=True)
    rules.check_can_assign(lead.status)
    assignment = Assignment(id=lead.id, owner_id=owner_id, rule_id=None, reasons=[])
    if owner_id is None:
        _, assignment = await decide_owner(session, "leads", piece_of("leads", vars(lead)))
    if lead.owner_id != assignment.owner_id:
        before, lead.owner_id = lead.owner_id, assignment.owner_id
        fact = LeadAssigned(state=state_of(lead), from_owner_id=before, rule_id=assignment.rule_id, reasons=assignment.reasons)
        await record(session, lead, fact)
    return lead


async def give_leads(session: AsyncSession, given: Sequence[tuple[Values, Assignment]]) -> None:
    """Give locked leads (their rows) to whom the rules named, and tell of each: one statement for all rows, one for all events."""
    if not given:
        return
    at, written, facts = now(session), [], []
    for row, assignment in given:
        after = row | {"owner_id": assignment.owner_id, "version": row["version"] + 1, "updated_at": max(at, row["updated_at"])}
        written.append({"lead": row["id"], "owner": after["owner_id"], "next": after["version"], "changed_at": after["updated_at"]})
        why = {"rule_id": assignment.rule_id, "reasons": assignment.reasons, "changed": ["owner_id"]}
        facts.append((written_of(after), LeadAssigned(state=state_of(after), **why), None))
    await session.execute(GIVE, written)
    await record_many(session, facts)


async def _move(session: AsyncSession, lead_id: UUID, verb: str, *, at: datetime | None) -> tuple[Lead, datetime]:
    """The locked lead in its new state, and when that was."""
    lead = await get_lead(session, lead_id, lock=True)
    lead.status = rules.decide_status(verb, lead.status)
    return lead, decide_instant(at, now=now(session), since=lead.opened_at)
