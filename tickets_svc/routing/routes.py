"""The HTTP routes of routing rules."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries, running
from .models import RoutingRule
from .schemas import RoutingRuleCreate, RoutingRulePatch, RoutingRuleRead, RunAnswer, RunRequest

router = Router("routing-rules", prefix="/v1/routing-rules")


@router.operation("GET", "", name="list", scope="routing-rules:read", response_model=Page[RoutingRuleRead])
async def list_routing_rules(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List routing rules. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(RoutingRuleRead, await queries.list_routing_rules(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="routing-rules:read", response_model=Page[RoutingRuleRead])
async def search_routing_rules(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(RoutingRuleRead, await queries.list_routing_rules(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="routing-rules:write", response_model=RoutingRuleRead, status_code=201)
async def create_routing_rule(session: SessionDep, response: Response, body: RoutingRuleCreate) -> RoutingRule:
    """Write a draft of a rule. Errors: 409 for an external id that is taken, 422."""
    rule = await operations.create_routing_rule(session, body)
    stamp(response, "routing_rule", rule)
    return rule


@router.operation("POST", "/batch", name="batch", scope="routing-rules:write", response_model=BatchAnswer)
async def batch_routing_rules(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("POST", "/run", name="run", scope="routing-rules:write", response_model=RunAnswer)
async def run_routing_rules(session: SessionDep, body: RunRequest = RunRequest(), dry_run: bool = False) -> RunAnswer:
    """Route what waits, or say with `dry_run` where it would go and why. Errors: 422."""
    return await running.run_rules(session, body.ticket_ids, dry_run=dry_run)


@router.operation("GET", "/{rule_id}", name="get", scope="routing-rules:read", response_model=RoutingRuleRead)
async def get_routing_rule(session: SessionDep, rule_id: UUID) -> Response:
    """Read a rule. Errors: 404."""
    return await show_record(session, RoutingRule, rule_id, schema=RoutingRuleRead, noun="routing_rule")


@router.operation("PATCH", "/{rule_id}", name="update", scope="routing-rules:write", response_model=RoutingRuleRead)
async def update_routing_rule(
    session: SessionDep, response: Response, rule_id: UUID, body: RoutingRulePatch, if_match: IfMatch = None
) -> RoutingRule:
    """Change a rule. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    rule = await operations.update_routing_rule(session, rule_id, body, if_match)
    stamp(response, "routing_rule", rule)
    return rule


@router.operation("POST", "/{rule_id}/activate", name="activate", scope="routing-rules:write", response_model=RoutingRuleRead)
async def activate_routing_rule(session: SessionDep, response: Response, rule_id: UUID) -> RoutingRule:
    """Route by a draft from now on. Errors: 404, 409 when it is no draft."""
    rule = await operations.activate_routing_rule(session, rule_id)
    stamp(response, "routing_rule", rule)
    return rule


@router.operation("POST", "/{rule_id}/retire", name="retire", scope="routing-rules:write", response_model=RoutingRuleRead)
async def retire_routing_rule(session: SessionDep, response: Response, rule_id: UUID) -> RoutingRule:
    """Route by a rule no more. Errors: 404, 409 when it is not active."""
    rule = await operations.retire_routing_rule(session, rule_id)
    stamp(response, "routing_rule", rule)
    return rule


@router.operation("POST", "/{rule_id}/archive", name="archive", scope="routing-rules:write", response_model=RoutingRuleRead)
async def archive_routing_rule(session: SessionDep, response: Response, rule_id: UUID) -> RoutingRule:
    """Hide a rule from lists. Errors: 404."""
    rule = await operations.archive_routing_rule(session, rule_id)
    stamp(response, "routing_rule", rule)
    return rule


@router.operation("POST", "/{rule_id}/restore", name="restore", scope="routing-rules:write", response_model=RoutingRuleRead)
async def restore_routing_rule(session: SessionDep, response: Response, rule_id: UUID) -> RoutingRule:
    """Bring a rule back to lists. Errors: 404."""
    rule = await operations.restore_routing_rule(session, rule_id)
    stamp(response, "routing_rule", rule)
    return rule
