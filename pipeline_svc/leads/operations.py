"""Writing leads: their birth (set-based, for one and for many), changes, archive and restore."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.activities.rules import decide_instant
from pipeline_svc.assignment.deciding import decide_owners, piece_of
from pipeline_svc.assignment.schemas import Assignment
from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, context_of, now
from services.errors import Refusal
from services.events.pipeline_leads import LeadArchived, LeadOpened, LeadRestored, LeadState, LeadUpdated
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named

from . import rules
from .models import Lead
from .queries import get_lead
from .schemas import LeadCreate, LeadPatch

NOUN = "lead"


def state_of(lead: Lead | Values) -> LeadState:
    """The public state of a lead or of its row."""
    return LeadState.model_validate(lead)


def written_of(row: Values) -> Written:
    """The bookkeeping of a row that was written set-based."""
    return Written(row["id"], row["version"], row["partition_key"], row["updated_at"])


async def write_leads(session: AsyncSession, births: Sequence[tuple[UUID, LeadCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new leads and their events, one statement each; those that name no owner are given one by the active rules."""
    answers: dict[UUID, Values | Refusal] = {}
    rows = []
    for lead_id, lead in births:
        try:
            answers[lead_id] = row = _row(session, lead_id, lead)
            rows.append(row)
        except Refusal as refusal:
            answers[lead_id] = refusal
    assigned = await decide_owners(session, "leads", [piece_of("leads", row) for row in rows if row["owner_id"] is None])
    for lead_id, assignment in assigned.items():
        next(row for row in rows if row["id"] == lead_id)["owner_id"] = assignment.owner_id
    if rows:
        await session.execute(insert(Lead.__table__), rows)  # type: ignore[arg-type]
    await record_many(session, [(written_of(row), _born(row, assigned.get(row["id"])), row["opened_at"]) for row in rows])
    return answers


async def create_lead(session: AsyncSession, lead: LeadCreate) -> Lead:
    """Open one. Raises Invalid, ExternalIdTaken."""
    return Lead(**await create_one(session, NOUN, lead, write=write_leads))


async def update_lead(session: AsyncSession, lead_id: UUID, patch: LeadPatch, if_match: str | None) -> Lead:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, Invalid, ExternalIdTaken."""
    lead = await get_lead(session, lead_id, lock=True)
    check_version(lead.version, if_match)
    wanted = patch.model_dump(include=patch.model_fields_set)
    changes = {name: value for name, value in wanted.items() if getattr(lead, name) != value}
    if not changes:
        return lead
    if "external_ids" in changes:
        await rename(session, NOUN, lead.id, before=lead.external_ids, after=changes["external_ids"])
    for name, value in changes.items():
        setattr(lead, name, value)
    rules.check_amount(lead.expected_amount_minor, lead.currency)
    await record(session, lead, LeadUpdated(state=state_of(lead)))
    return lead


async def archive_lead(session: AsyncSession, lead_id: UUID) -> Lead:
    """Hide from lists. Raises NotFound."""
    lead = await get_lead(session, lead_id, lock=True)
    if lead.archived_at is None:
        lead.archived_at = now(session)
        await record(session, lead, LeadArchived(state=state_of(lead)))
    return lead


async def restore_lead(session: AsyncSession, lead_id: UUID) -> Lead:
    """Bring back to lists. Raises NotFound."""
    lead = await get_lead(session, lead_id, lock=True)
    if lead.archived_at is not None:
        lead.archived_at = None
        await record(session, lead, LeadRestored(state=state_of(lead)))
    return lead


async def create_each(session: AsyncSession, leads: Sequence[LeadCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, leads, write=write_leads)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, LeadCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch; when a known lead was opened, and whose it is, are no content."""
    return await upsert_named(session, NOUN, items, write=write_leads, change=_hold_against)


async def update_each(session: AsyncSession, lead_id: UUID, patch: LeadPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    lead = await update_lead(session, lead_id, patch, if_match)
    return Outcome(200, lead.id, lead.version)


async def archive_each(session: AsyncSession, lead_id: UUID) -> Outcome:
    """Archive for a batch."""
    lead = await archive_lead(session, lead_id)
    return Outcome(200, lead.id, lead.version)


async def _hold_against(session: AsyncSession, lead_id: UUID, wanted: LeadCreate) -> Outcome:
    lead = await get_lead(session, lead_id, lock=True)
    return await update_each(session, lead_id, patch_of(wanted, LeadPatch, lead.external_ids), "*")


def _row(session: AsyncSession, lead_id: UUID, lead: LeadCreate) -> Values:
    """The row of a lead that is being born. Raises Invalid."""
    row = birth(session, lead_id, partition_key=f"{context_of(session).tenant_id}:{lead.contact_id}")
    opened_at = decide_instant(lead.opened_at, now=row["created_at"], pointer="/opened_at")
    unborn = {"first_response_at": None, "disqualify_reason_id": None, "opportunity_id": None}
    return row | lead.model_dump() | unborn | {"status": "new", "opened_at": opened_at}


def _born(row: Values, assignment: Assignment | None) -> LeadOpened:
    origin = {name: row[name] for name in ("source", "form_submission_id", "campaign_id")}
    why = {"rule_id": assignment.rule_id, "reasons": assignment.reasons} if assignment and assignment.rule_id else {}
    return LeadOpened(state=state_of(row), **origin, **why)


BATCH = BatchVerbs(LeadCreate, LeadPatch, create_each, upsert_each, update_each, archive_each)
