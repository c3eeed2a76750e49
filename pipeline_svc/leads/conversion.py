"""Converting a lead: the opportunity that it becomes is opened in the same transaction, with one event each."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.opportunities.operations import create_opportunity
from pipeline_svc.opportunities.queries import get_opportunity
from pipeline_svc.opportunities.schemas import OpportunityCreate, OpportunityRead
from pipeline_svc.pipelines.queries import find_active_pipelines
from services.errors import invalid_field
from services.events.pipeline_leads import LeadConverted
from services.outbox import record

from . import rules
from .models import Lead
from .operations import state_of
from .queries import get_lead
from .schemas import Conversion, ConversionRead, LeadRead

NAME_LENGTH = 200


async def convert_lead(session: AsyncSession, lead_id: UUID, wanted: Conversion, *, roles: Sequence[str]) -> ConversionRead:
    """Make it an opportunity; one that became one already answers that, whatever is wanted.

    Raises NotFound, WrongState, Invalid, StageNotAllowed, PipelineIsRetired.
    """
    lead = await get_lead(session, lead_id, lock=True)
    if lead.opportunity_id is not None:
        known = await get_opportunity(session, lead.opportunity_id)
        return _answer(lead, OpportunityRead.model_validate(known))
    status = rules.decide_status("convert", lead.status)
    opportunity = await create_opportunity(session, await _opportunity(session, lead, wanted), roles=roles, lead_id=lead.id)
    lead.status, lead.opportunity_id = status, opportunity.id
    await record(session, lead, LeadConverted(state=state_of(lead), opportunity_id=opportunity.id))
    return _answer(lead, opportunity)


async def _opportunity(session: AsyncSession, lead: Lead, wanted: Conversion) -> OpportunityCreate:
    """What is opened: what is wanted, and the rest from the lead."""
    amount = {} if wanted.amount_minor is None else {"amount_minor": wanted.amount_minor}
    if wanted.amount_minor is None and lead.expected_amount_minor is not None and wanted.currency in (None, lead.currency):
        amount = {"amount_minor": lead.expected_amount_minor}
    roles = [{"contact_id": lead.organization_id, "role": "organization"}] if lead.organization_id else []
    return OpportunityCreate.model_validate(
        {
            "name": wanted.name or (lead.interest or "").strip()[:NAME_LENGTH].strip() or f"Lead {lead.id}",
            "pipeline_id": wanted.pipeline_id or await _only_pipeline(session),
            "stage_id": wanted.stage_id,
            "contact_id": lead.contact_id,
            "contact_roles": roles,
            "owner_id": lead.owner_id,
            "currency": wanted.currency or lead.currency,
            "expected_close_on": wanted.expected_close_on,
            "source": lead.source,
            "campaign_id": lead.campaign_id,
            **amount,
        }
    )


async def _only_pipeline(session: AsyncSession) -> UUID:
    active = await find_active_pipelines(session)
    if len(active) != 1:
        raise invalid_field("/pipeline_id", "missing", f"There are {len(active)} active pipelines, so name one")
    return active[0].id


def _answer(lead: Lead, opportunity: OpportunityRead) -> ConversionRead:
    return ConversionRead(contact_id=lead.contact_id, lead=LeadRead.model_validate(lead), opportunity=opportunity)
