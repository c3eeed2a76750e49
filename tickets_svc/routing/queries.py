"""Reading rules, and all that they look at: what waits, who is there, and what is known of the customers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from services import references
from services.database import now
from services.errors import NotFound, invalid_field
from services.filters import Bindings, Field, FilterError, FilterFields, Predicate, compile_predicate, parse_filter
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived
from services.references import ContactReference, as_record, find_consents, find_references
from tickets_svc.agents.models import Agent, AgentPresence
from tickets_svc.tickets import queries as tickets
from tickets_svc.tickets.models import Ticket

from . import rules
from .models import RoutingRule, RoutingTurn

MOST_CASES = 500
FIELDS: FilterFields = {
    "id": Field("id", RoutingRule.id),
    "name": Field("text", RoutingRule.name),
    "position": Field("number", RoutingRule.position),
    "strategy": Field("choice", RoutingRule.strategy),
    "status": Field("choice", RoutingRule.status),
    "created_at": Field("instant", RoutingRule.created_at),
    "updated_at": Field("instant", RoutingRule.updated_at),
}
ORDERS = {
    "created_at": Order(RoutingRule.created_at, datetime),
    "updated_at": Order(RoutingRule.updated_at, datetime),
    "position": Order(RoutingRule.position, int),
}
CASE_FIELDS: FilterFields = {**tickets.FIELDS, **references.FIELDS}
"""What the filter of a rule may name: the fields of the ticket, and what is known of the customer (who wins where both have one)."""


async def get_routing_rule(session: AsyncSession, rule_id: UUID, *, lock: bool = False) -> RoutingRule:
    """The rule, locked for a change if asked. Raises NotFound."""
    rule = await session.get(RoutingRule, rule_id, with_for_update=lock or None)
    if rule is None:
        raise NotFound(f"There is no routing rule {rule_id}")
    return rule


async def list_routing_rules(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the rules that are not archived."""
    statement = filtered(unarchived(RoutingRule), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=RoutingRule.id, orders=ORDERS, default="position")


def read_filter(text: str, at: datetime) -> Predicate:
    """The test that a filter is. Raises Invalid that says where it is wrong."""
    try:
        return compile_predicate(parse_filter(text), CASE_FIELDS, Bindings(None, at))
    except FilterError as error:
        raise invalid_field("/filter", "filter", str(error)) from error


async def has_active_rules(session: AsyncSession) -> bool:
    """Whether anything routes tickets here."""
    return bool(await session.scalar(select(IS_ROUTED)))


async def find_active_rules(session: AsyncSession, records: Mapping[UUID, Mapping[str, object]]) -> list[rules.Rule]:
    """The active rules in their order; what a filter sees of a case is its record."""
    at = now(session)
    found = await session.scalars(select(RoutingRule).where(*_is_active()).order_by(RoutingRule.position, RoutingRule.id))
    return [_rule(row, read_filter(row.filter, at), records) for row in found]


async def find_cases(session: AsyncSession, ticket_ids: Sequence[UUID], *, lock: bool) -> list[Ticket]:
    """The tickets that wait for somebody, the oldest first; what others are moving just now is passed over."""
    statement = select(Ticket).where(*tickets.is_waiting()).order_by(Ticket.opened_at, Ticket.id).limit(MOST_CASES)
    if ticket_ids:
        statement = statement.where(Ticket.id.in_(ticket_ids))
    if lock:
        statement = statement.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    return list(await session.scalars(statement))


async def find_candidates(session: AsyncSession, *, lock: bool) -> list[rules.Candidate]:
    """The agents who are there; locked, so that nobody else gives them a case meanwhile."""
    there = select(AgentPresence.agent_id).where(AgentPresence.presence == "available")
    statement = select(Agent).where(Agent.status == "active", Agent.archived_at.is_(None), Agent.id.in_(there)).order_by(Agent.id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    agents = list(await session.scalars(statement))
    live = literal_column("ticket.status NOT IN ('resolved', 'closed')", Boolean)
    users = [agent.user_id for agent in agents]
    counted = select(Ticket.assignee_id, func.count()).where(Ticket.assignee_id.in_(users), live).group_by(Ticket.assignee_id)
    cases: dict[UUID | None, int] = dict((await session.execute(counted)).all())
    turns: dict[UUID, dict[UUID, float]] = {}
    for turn in await session.scalars(select(RoutingTurn)):
        turns.setdefault(turn.agent_id, {})[turn.rule_id] = turn.given_at.timestamp()
    return [_candidate(agent, cases.get(agent.user_id, 0), turns.get(agent.id, {})) for agent in agents]


async def describe_cases(session: AsyncSession, found: Sequence[Ticket]) -> tuple[list[rules.Case], dict[UUID, dict[str, object]]]:
    """What rules look at of each ticket, and what filters see of it."""
    contact_ids = {ticket.contact_id for ticket in found if ticket.contact_id is not None}
    known = await find_references(session, contact_ids)
    consents = await find_consents(session, contact_ids)
    cases, records = [], {}
    for ticket in found:
        reference = known.get(ticket.contact_id) if ticket.contact_id else None
        cases.append(_case(ticket, reference, now(session)))
        seen: dict[str, object] = {name: getattr(ticket, name) for name in tickets.FIELDS if name != "severity"}
        seen["severity"] = (ticket.complaint or {}).get("severity")
        if reference is not None:
            seen |= as_record(reference, consents.get(reference.contact_id, ()))
        records[ticket.id] = seen
    return cases, records


def _case(ticket: Ticket, reference: ContactReference | None, at: datetime) -> rules.Case:
    waited = max(0, int((at - ticket.opened_at).total_seconds()))
    if reference is None:
        return rules.Case(ticket.id, waited, ticket.queue_id)
    return rules.Case(
        ticket.id,
        waited,
        ticket.queue_id,
        expected_loss_minor=reference.value_at_risk_minor,
        churn_bps=reference.churn_bps,
        lifetime_value_minor=reference.lifetime_value_minor,
        language=reference.language,
    )


def _candidate(agent: Agent, cases: int, turns: dict[UUID, float]) -> rules.Candidate:
    skills = {skill["key"]: skill["level"] for skill in agent.skills}
    return rules.Candidate(agent.id, agent.user_id, agent.capacity, cases, skills, frozenset(agent.languages), turns)


def _rule(row: RoutingRule, test: Predicate, records: Mapping[UUID, Mapping[str, object]]) -> rules.Rule:
    targets = row.targets
    return rules.Rule(
        row.id,
        row.strategy,
        lambda case: test(records[case.ticket_id]),
        queue_id=UUID(targets["queue_id"]) if targets["queue_id"] else None,
        agent_ids=frozenset(map(UUID, targets["agent_ids"])),
        skills={skill["key"]: skill["level"] for skill in targets["skills"]},
        floor_seconds=None if row.fairness_floor_minutes is None else row.fairness_floor_minutes * 60,
        stop=row.stop,
    )


def _is_active() -> tuple[Any, ...]:
    return _RULES.status == "active", _RULES.archived_at.is_(None)


_RULES = RoutingRule.__table__.c
IS_ROUTED = select(_RULES.id).where(*_is_active()).exists()
"""Whether anything routes tickets here, as part of another statement."""
