"""The HTTP routes of leads."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from pipeline_svc.orders.schemas import Moment
from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import conversion, movements, operations, queries
from .models import Lead
from .schemas import Assign, Conversion, ConversionRead, Disqualification, LeadCreate, LeadPatch, LeadRead

router = Router("leads", prefix="/v1/leads")


@router.operation("GET", "", name="list", scope="leads:read", response_model=Page[LeadRead])
async def list_leads(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List leads. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(LeadRead, await queries.list_leads(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="leads:read", response_model=Page[LeadRead])
async def search_leads(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(LeadRead, await queries.list_leads(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="leads:write", response_model=LeadRead, status_code=201)
async def create_lead(session: SessionDep, response: Response, body: LeadCreate) -> Lead:
    """Open a lead. Errors: 409 for an external id that is taken, 422."""
    lead = await operations.create_lead(session, body)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/batch", name="batch", scope="leads:write", response_model=BatchAnswer)
async def batch_leads(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{lead_id}", name="get", scope="leads:read", response_model=LeadRead)
async def get_lead(session: SessionDep, lead_id: UUID) -> Response:
    """Read a lead. Errors: 404."""
    return await show_record(session, Lead, lead_id, schema=LeadRead, noun="lead")


@router.operation("PATCH", "/{lead_id}", name="update", scope="leads:write", response_model=LeadRead)
async def update_lead(session: SessionDep, response: Response, lead_id: UUID, body: LeadPatch, if_match: IfMatch = None) -> Lead:
    """Change a lead by merge patch. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    lead = await operations.update_lead(session, lead_id, body, if_match)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/{lead_id}/work", name="work", scope="leads:write", response_model=LeadRead)
async def work_lead(session: SessionDep, response: Response, lead_id: UUID, body: Moment = Moment()) -> Lead:
    """Begin to work on a lead. Errors: 404, 409, 422."""
    lead = await movements.work_lead(session, lead_id, at=body.at)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/{lead_id}/qualify", name="qualify", scope="leads:write", response_model=LeadRead)
async def qualify_lead(session: SessionDep, response: Response, lead_id: UUID, body: Moment = Moment()) -> Lead:
    """A lead is worth an opportunity. Errors: 404, 409, 422."""
    lead = await movements.qualify_lead(session, lead_id, at=body.at)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/{lead_id}/recycle", name="recycle", scope="leads:write", response_model=LeadRead)
async def recycle_lead(session: SessionDep, response: Response, lead_id: UUID, body: Moment = Moment()) -> Lead:
    """A lead may be worked on again. Errors: 404, 409, 422."""
    lead = await movements.recycle_lead(session, lead_id, at=body.at)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/{lead_id}/disqualify", name="disqualify", scope="leads:write", response_model=LeadRead)
async def disqualify_lead(session: SessionDep, response: Response, lead_id: UUID, body: Disqualification = Disqualification()) -> Lead:
    """A lead is not worth following. Errors: 404, 409, 422."""
    lead = await movements.disqualify_lead(session, lead_id, body)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/{lead_id}/convert", name="convert", scope="leads:write", response_model=ConversionRead)
async def convert_lead(
    session: SessionDep, caller: CallerDep, response: Response, lead_id: UUID, body: Conversion = Conversion()
) -> ConversionRead:
    """Make a qualified lead an opportunity; a repeat answers the same two. Errors: 403 where the stage is not for the caller's roles,
    404, 409 when it is not qualified or the pipeline is retired, 422, which names the fields that the stage asks for.
    """
    converted = await conversion.convert_lead(session, lead_id, body, roles=caller.roles)
    stamp(response, "lead", converted.lead)
    return converted


@router.operation("POST", "/{lead_id}/assign", name="assign", scope="leads:write", response_model=LeadRead)
async def assign_lead(session: SessionDep, response: Response, lead_id: UUID, body: Assign = Assign()) -> Lead:
    """Give a lead to an owner, or to whom the active rules name. Errors: 404, 409 when it is over or nobody fits, 422."""
    lead = await movements.assign_lead(session, lead_id, body.owner_id)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/{lead_id}/archive", name="archive", scope="leads:write", response_model=LeadRead)
async def archive_lead(session: SessionDep, response: Response, lead_id: UUID) -> Lead:
    """Hide a lead from lists. Errors: 404."""
    lead = await operations.archive_lead(session, lead_id)
    stamp(response, "lead", lead)
    return lead


@router.operation("POST", "/{lead_id}/restore", name="restore", scope="leads:write", response_model=LeadRead)
async def restore_lead(session: SessionDep, response: Response, lead_id: UUID) -> Lead:
    """Bring a lead back to lists. Errors: 404."""
    lead = await operations.restore_lead(session, lead_id)
    stamp(response, "lead", lead)
    return lead
