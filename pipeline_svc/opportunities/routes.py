"""The HTTP routes of opportunities."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from pipeline_svc.assignment import runs
from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import moves, operations, queries
from .models import Opportunity
from .schemas import (
    Assign,
    Lose,
    Losses,
    Move,
    Moves,
    OpportunityCreate,
    OpportunityPatch,
    OpportunityRead,
    Reopen,
    StageHistory,
    Win,
    Wins,
)

router = Router("opportunities", prefix="/v1/opportunities")


@router.operation("GET", "", name="list", scope="opportunities:read", response_model=Page[OpportunityRead])
async def list_opportunities(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List opportunities. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(OpportunityRead, await queries.list_opportunities(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="opportunities:read", response_model=Page[OpportunityRead])
async def search_opportunities(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(OpportunityRead, await queries.list_opportunities(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="opportunities:write", response_model=OpportunityRead, status_code=201)
async def create_opportunity(session: SessionDep, caller: CallerDep, response: Response, body: OpportunityCreate) -> OpportunityRead:
    """Open an opportunity in a pipeline. Errors: 403 where the stage is not for the caller's roles, 409 for a pipeline that is retired or
    an external id that is taken, 422, which names the fields that the stage needs.
    """
    opportunity = await operations.create_opportunity(session, body, roles=caller.roles)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("POST", "/batch", name="batch", scope="opportunities:write", response_model=BatchAnswer)
async def batch_opportunities(session: SessionDep, caller: CallerDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.batch_verbs(caller.roles))


@router.operation("POST", "/batch/move", name="move_batch", scope="opportunities:write", response_model=BatchAnswer)
async def move_opportunities(session: SessionDep, caller: CallerDep, body: Moves) -> BatchAnswer:
    """Move up to 500 opportunities to other open stages, each with an answer of its own: that of the single verb. Errors: 422."""
    return await moves.move_opportunities(session, body.items, roles=caller.roles)


@router.operation("POST", "/batch/win", name="win_batch", scope="opportunities:write", response_model=BatchAnswer)
async def win_opportunities(session: SessionDep, caller: CallerDep, body: Wins) -> BatchAnswer:
    """Close up to 500 opportunities as won, each with an answer of its own: that of the single verb. Errors: 422."""
    return await moves.win_opportunities(session, body.items, roles=caller.roles)


@router.operation("POST", "/batch/lose", name="lose_batch", scope="opportunities:write", response_model=BatchAnswer)
async def lose_opportunities(session: SessionDep, caller: CallerDep, body: Losses) -> BatchAnswer:
    """Close up to 500 opportunities as lost, each with an answer of its own: that of the single verb. Errors: 422."""
    return await moves.lose_opportunities(session, body.items, roles=caller.roles)


@router.operation("GET", "/{opportunity_id}", name="get", scope="opportunities:read", response_model=OpportunityRead)
async def get_opportunity(session: SessionDep, opportunity_id: UUID) -> Response:
    """Read an opportunity. Errors: 404."""
    return await show_record(session, Opportunity, opportunity_id, schema=OpportunityRead, noun="opportunity")


@router.operation("PATCH", "/{opportunity_id}", name="update", scope="opportunities:write", response_model=OpportunityRead)
async def update_opportunity(
    session: SessionDep, response: Response, opportunity_id: UUID, body: OpportunityPatch, if_match: IfMatch = None
) -> Opportunity:
    """Change an opportunity by merge patch. Errors: 404, 409 for a probability where the end is known, 412, 422, 428."""
    opportunity = await operations.update_opportunity(session, opportunity_id, body, if_match)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("GET", "/{opportunity_id}/stage-history", name="stage_history", scope="opportunities:read", response_model=StageHistory)
async def get_stage_history(session: SessionDep, opportunity_id: UUID) -> StageHistory:
    """The stages that an opportunity was in, and the seconds in each. Errors: 404."""
    return await queries.get_stage_history(session, opportunity_id)


@router.operation("POST", "/{opportunity_id}/move", name="move", scope="opportunities:write", response_model=OpportunityRead)
async def move_opportunity(session: SessionDep, caller: CallerDep, response: Response, opportunity_id: UUID, body: Move) -> OpportunityRead:
    """Move to another open stage. Errors: 403 where the stage is not for the caller's roles, 404, 409 when it is closed, 422,
    which names the fields that the stage needs.
    """
    opportunity = await moves.move_opportunity(session, opportunity_id, body, roles=caller.roles)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("POST", "/{opportunity_id}/win", name="win", scope="opportunities:write", response_model=OpportunityRead)
async def win_opportunity(
    session: SessionDep, caller: CallerDep, response: Response, opportunity_id: UUID, body: Win = Win()
) -> OpportunityRead:
    """Close as won. Errors: 403 where the stage is not for the caller's roles, 404, 409 when it is closed, 422, which names the
    fields that the stage needs.
    """
    opportunity = await moves.win_opportunity(session, opportunity_id, body, roles=caller.roles)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("POST", "/{opportunity_id}/lose", name="lose", scope="opportunities:write", response_model=OpportunityRead)
async def lose_opportunity(session: SessionDep, caller: CallerDep, response: Response, opportunity_id: UUID, body: Lose) -> OpportunityRead:
    """Close as lost, for a reason. Errors: 403 where the stage is not for the caller's roles, 404, 409 when it is closed, 422,
    which names the fields that the stage needs.
    """
    opportunity = await moves.lose_opportunity(session, opportunity_id, body, roles=caller.roles)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("POST", "/{opportunity_id}/reopen", name="reopen", scope="opportunities:write", response_model=OpportunityRead)
async def reopen_opportunity(
    session: SessionDep, caller: CallerDep, response: Response, opportunity_id: UUID, body: Reopen
) -> OpportunityRead:
    """Take up again what was closed. Errors: 403 where the stage is not for the caller's roles, 404, 409 when it is open, 422,
    which names the fields that the stage needs.
    """
    opportunity = await moves.reopen_opportunity(session, opportunity_id, body, roles=caller.roles)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("POST", "/{opportunity_id}/assign", name="assign", scope="opportunities:write", response_model=OpportunityRead)
async def assign_opportunity(session: SessionDep, response: Response, opportunity_id: UUID, body: Assign) -> Opportunity:
    """Give it to an owner, or to whom the active rules name. Errors: 404, 409 when it is closed or nobody fits, 422."""
    opportunity = await runs.assign_one_opportunity(session, opportunity_id, body)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("POST", "/{opportunity_id}/archive", name="archive", scope="opportunities:write", response_model=OpportunityRead)
async def archive_opportunity(session: SessionDep, response: Response, opportunity_id: UUID) -> Opportunity:
    """Hide an opportunity from lists. Errors: 404."""
    opportunity = await operations.archive_opportunity(session, opportunity_id)
    stamp(response, "opportunity", opportunity)
    return opportunity


@router.operation("POST", "/{opportunity_id}/restore", name="restore", scope="opportunities:write", response_model=OpportunityRead)
async def restore_opportunity(session: SessionDep, response: Response, opportunity_id: UUID) -> Opportunity:
    """Bring an opportunity back to lists. Errors: 404."""
    opportunity = await operations.restore_opportunity(session, opportunity_id)
    stamp(response, "opportunity", opportunity)
    return opportunity
