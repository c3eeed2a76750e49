"""The HTTP routes of assignment rules."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries, runs
from .models import AssignmentRule
from .schemas import AssignmentRuleCreate, AssignmentRulePatch, AssignmentRuleRead, RunAnswer, RunAsked

router = Router("assignment-rules", prefix="/v1/assignment-rules")


@router.operation("GET", "", name="list", scope="assignment-rules:read", response_model=Page[AssignmentRuleRead])
async def list_rules(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List rules. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(AssignmentRuleRead, await queries.list_rules(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="assignment-rules:read", response_model=Page[AssignmentRuleRead])
async def search_rules(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(AssignmentRuleRead, await queries.list_rules(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="assignment-rules:write", response_model=AssignmentRuleRead, status_code=201)
async def create_rule(session: SessionDep, response: Response, body: AssignmentRuleCreate) -> AssignmentRule:
    """Draft a rule. Errors: 409 for an external id that is taken, 422."""
    rule = await operations.create_rule(session, body)
    stamp(response, "assignment_rule", rule)
    return rule


@router.operation("POST", "/batch", name="batch", scope="assignment-rules:write", response_model=BatchAnswer)
async def batch_rules(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{rule_id}", name="get", scope="assignment-rules:read", response_model=AssignmentRuleRead)
async def get_rule(session: SessionDep, rule_id: UUID) -> Response:
    """Read a rule. Errors: 404."""
    return await show_record(session, AssignmentRule, rule_id, schema=AssignmentRuleRead, noun="assignment_rule")


@router.operation("PATCH", "/{rule_id}", name="update", scope="assignment-rules:write", response_model=AssignmentRuleRead)
async def update_rule(
    session: SessionDep, response: Response, rule_id: UUID, body: AssignmentRulePatch, if_match: IfMatch = None
) -> AssignmentRule:
    """Change a rule by merge patch. Errors: 404, 409 when it is retired or an external id is taken, 412, 422, 428."""
    rule = await operations.update_rule(session, rule_id, body, if_match)
    stamp(response, "assignment_rule", rule)
    return rule


@router.operation("POST", "/run", name="run", scope="assignment-rules:write", response_model=RunAnswer)
async def run_rules(session: SessionDep, body: RunAsked, dry_run: bool = False) -> RunAnswer:
    """Give out what nobody owns, or with `dry_run=true` say what would be done. Errors: 422."""
    return await runs.run_rules(session, body, dry_run=dry_run)


@router.operation("POST", "/{rule_id}/activate", name="activate", scope="assignment-rules:write", response_model=AssignmentRuleRead)
async def activate_rule(session: SessionDep, response: Response, rule_id: UUID) -> AssignmentRule:
    """Have a draft give out work. Errors: 404, 409 when it is no draft."""
    rule = await operations.move_rule(session, rule_id, "activate")
    stamp(response, "assignment_rule", rule)
    return rule


@router.operation("POST", "/{rule_id}/retire", name="retire", scope="assignment-rules:write", response_model=AssignmentRuleRead)
async def retire_rule(session: SessionDep, response: Response, rule_id: UUID) -> AssignmentRule:
    """Have it give out no more, for good. Errors: 404, 409 when it is not active."""
    rule = await operations.move_rule(session, rule_id, "retire")
    stamp(response, "assignment_rule", rule)
    return rule


@router.operation("POST", "/{rule_id}/archive", name="archive", scope="assignment-rules:write", response_model=AssignmentRuleRead)
async def archive_rule(session: SessionDep, response: Response, rule_id: UUID) -> AssignmentRule:
    """Hide a rule from lists. Errors: 404."""
    rule = await operations.archive_rule(session, rule_id)
    stamp(response, "assignment_rule", rule)
    return rule


@router.operation("POST", "/{rule_id}/restore", name="restore", scope="assignment-rules:write", response_model=AssignmentRuleRead)
async def restore_rule(session: SessionDep, response: Response, rule_id: UUID) -> AssignmentRule:
    """Bring a rule back to lists. Errors: 404."""
    rule = await operations.restore_rule(session, rule_id)
    stamp(response, "assignment_rule", rule)
    return rule
