"""The HTTP routes of campaigns."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import course, operations, queries
from .models import Campaign
from .schemas import CampaignCreate, CampaignPatch, CampaignRead, Reason, Schedule

router = Router("campaigns", prefix="/v1/campaigns")


@router.operation("GET", "", name="list", scope="campaigns:read", response_model=Page[CampaignRead])
async def list_campaigns(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List campaigns. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(CampaignRead, await queries.list_campaigns(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="campaigns:read", response_model=Page[CampaignRead])
async def search_campaigns(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(CampaignRead, await queries.list_campaigns(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="campaigns:write", response_model=CampaignRead, status_code=201)
async def create_campaign(session: SessionDep, response: Response, body: CampaignCreate) -> Campaign:
    """Create a campaign. Errors: 422."""
    (campaign,) = await operations.create_campaigns(session, [body])
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/batch", name="batch", scope="campaigns:write", response_model=BatchAnswer)
async def batch_campaigns(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations; campaigns bear no external ids, so none is an upsert. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{campaign_id}", name="get", scope="campaigns:read", response_model=CampaignRead)
async def get_campaign(session: SessionDep, campaign_id: UUID) -> Response:
    """Read a campaign. Errors: 404."""
    return await show_record(session, Campaign, campaign_id, schema=CampaignRead, noun="campaign")


@router.operation("PATCH", "/{campaign_id}", name="update", scope="campaigns:write", response_model=CampaignRead)
async def update_campaign(
    session: SessionDep, response: Response, campaign_id: UUID, body: CampaignPatch, if_match: IfMatch = None
) -> Campaign:
    """Change a campaign by merge patch. Errors: 404, 409 when it is no draft, 412, 422, 428."""
    campaign = await operations.update_campaign(session, campaign_id, body, if_match)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/archive", name="archive", scope="campaigns:write", response_model=CampaignRead)
async def archive_campaign(session: SessionDep, response: Response, campaign_id: UUID) -> Campaign:
    """Hide a campaign from lists. Errors: 404."""
    campaign = await operations.archive_campaign(session, campaign_id)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/restore", name="restore", scope="campaigns:write", response_model=CampaignRead)
async def restore_campaign(session: SessionDep, response: Response, campaign_id: UUID) -> Campaign:
    """Bring a campaign back to lists. Errors: 404."""
    campaign = await operations.restore_campaign(session, campaign_id)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/submit", name="submit", scope="campaigns:write", response_model=CampaignRead)
async def submit_campaign(session: SessionDep, response: Response, campaign_id: UUID) -> Campaign:
    """Ask for approval. Errors: 404, 409 when it is no draft, 422 naming everything that it lacks."""
    campaign = await course.submit_campaign(session, campaign_id)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/approve", name="approve", scope="campaigns:write", response_model=CampaignRead)
async def approve_campaign(session: SessionDep, caller: CallerDep, response: Response, campaign_id: UUID) -> Campaign:
    """Allow it. Errors: 404, 409 when it was not submitted."""
    campaign = await course.approve_campaign(session, campaign_id, approved_by=caller.user_id)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/reject", name="reject", scope="campaigns:write", response_model=CampaignRead)
async def reject_campaign(session: SessionDep, response: Response, campaign_id: UUID, body: Reason = Reason()) -> Campaign:
    """Make it a draft again. Errors: 404, 409 when it was not submitted."""
    campaign = await course.reject_campaign(session, campaign_id, body)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/schedule", name="schedule", scope="campaigns:write", response_model=CampaignRead)
async def schedule_campaign(session: SessionDep, response: Response, campaign_id: UUID, body: Schedule = Schedule()) -> Campaign:
    """Begin at `send_at`, or at once. Errors: 404, 409 when it is not approved."""
    campaign = await course.schedule_campaign(session, campaign_id, body)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/pause", name="pause", scope="campaigns:write", response_model=CampaignRead)
async def pause_campaign(session: SessionDep, response: Response, campaign_id: UUID, body: Reason = Reason()) -> Campaign:
    """Send nothing until it is resumed. Errors: 404, 409 when it does not run."""
    campaign = await course.pause_campaign(session, campaign_id, body)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/resume", name="resume", scope="campaigns:write", response_model=CampaignRead)
async def resume_campaign(session: SessionDep, response: Response, campaign_id: UUID) -> Campaign:
    """Go on sending. Errors: 404, 409 when it is not paused."""
    campaign = await course.resume_campaign(session, campaign_id)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/stop", name="stop", scope="campaigns:write", response_model=CampaignRead)
async def stop_campaign(session: SessionDep, response: Response, campaign_id: UUID, body: Reason = Reason()) -> Campaign:
    """Call it off for good; who was not written to yet is skipped. Errors: 404, 409 when it is neither scheduled nor under way."""
    campaign = await course.stop_campaign(session, campaign_id, body)
    stamp(response, "campaign", campaign)
    return campaign


@router.operation("POST", "/{campaign_id}/clone", name="clone", scope="campaigns:write", response_model=CampaignRead, status_code=201)
async def clone_campaign(session: SessionDep, response: Response, campaign_id: UUID) -> Campaign:
    """Make a draft of the same content, with a salt of its own. Errors: 404."""
    campaign = await operations.clone_campaign(session, campaign_id)
    stamp(response, "campaign", campaign)
    return campaign
