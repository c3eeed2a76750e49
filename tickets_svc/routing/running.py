"""Running the rules: over what waits, or over tickets that are named; for show, or in earnest."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import context_of, now
from services.events.tickets import AssignmentReason
from services.jobs import Work
from tickets_svc.tickets import movements
from tickets_svc.tickets.grounds import Grounds
from tickets_svc.tickets.models import Ticket
from tickets_svc.tickets.movements import give_ticket, put_into_queue
from tickets_svc.tickets.queries import get_ticket
from tickets_svc.tickets.rules import check_fits

from . import rules
from .arming import ask_for_routing
from .models import RoutingTurn
from .queries import MOST_CASES, describe_cases, find_active_rules, find_candidates, find_cases
from .schemas import RunAnswer, RunDecision


async def run_rules(session: AsyncSession, ticket_ids: Sequence[UUID] = (), *, dry_run: bool = False) -> RunAnswer:
    """Send each waiting ticket where the first rule that decides sends it; a dry run only says so.

    Agents are locked before tickets, in the order of their ids, as a pull does, so that no capacity is exceeded whoever runs beside it.
    """
    candidates = await find_candidates(session, lock=not dry_run)
    found = {ticket.id: ticket for ticket in await find_cases(session, ticket_ids, lock=not dry_run)}
    cases, records = await describe_cases(session, list(found.values()))
    at = now(session)
    decisions = rules.plan(cases, await find_active_rules(session, records), candidates, at=at.timestamp())
    if not dry_run:
        for decision in decisions:
            await _carry_out(session, found[decision.case.ticket_id], decision, at)
    return RunAnswer(dry_run=dry_run, considered=len(cases), decisions=[_shown(decision) for decision in decisions])


async def route_ticket(session: AsyncSession, ticket_id: UUID, queue_id: UUID | None, *, at: datetime | None = None) -> Ticket:
    """Put a ticket into a queue, or send it where the rules say; where they say nothing it stays. Raises NotFound, WrongState, Invalid."""
    if queue_id is not None:
        return await movements.route_ticket(session, ticket_id, queue_id, at=at)
    check_fits("route", await get_ticket(session, ticket_id))
    await run_rules(session, [ticket_id])
    return await get_ticket(session, ticket_id)


async def route_waiting(session: AsyncSession, _work: Work) -> dict[str, int]:
    """The job: route what waits; and again, where more may be waiting than one run takes."""
    answer = await run_rules(session)
    if answer.decisions and answer.considered == MOST_CASES:
        await ask_for_routing(session)
    return {"considered": answer.considered, "decided": len(answer.decisions)}


async def _carry_out(session: AsyncSession, ticket: Ticket, decision: rules.Decision, at: datetime) -> None:
    if decision.candidate is None:
        assert decision.rule.queue_id is not None
        await put_into_queue(session, ticket, decision.rule.queue_id, at=at)
        return
    shown = _shown(decision)
    grounds = Grounds(shown.strategy, shown.reasons, shown.rule_id, shown.expected_loss_minor)
    await give_ticket(session, ticket, decision.candidate.user_id, at=at, grounds=grounds)
    key = {"tenant_id": context_of(session).tenant_id, "rule_id": decision.rule.id, "agent_id": decision.candidate.agent_id}
    turn = insert(RoutingTurn).values(**key, given_at=now(session))
    await session.execute(turn.on_conflict_do_update(index_elements=list(key), set_={"given_at": turn.excluded.given_at}))


def _shown(decision: rules.Decision) -> RunDecision:
    return RunDecision(
        ticket_id=decision.case.ticket_id,
        rule_id=decision.rule.id,
        strategy=decision.rule.strategy,
        queue_id=decision.rule.queue_id,
        assignee_id=decision.candidate.user_id if decision.candidate else None,
        reasons=[AssignmentReason(code=code, number=number) for code, number in decision.reasons],
        expected_loss_minor=decision.case.expected_loss_minor,
    )
