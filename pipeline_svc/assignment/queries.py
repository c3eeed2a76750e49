"""Reading assignment rules, and how those stand to whom they give work."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from pipeline_svc.leads import models as leads
from pipeline_svc.leads.queries import FIELDS as LEAD_FIELDS
from pipeline_svc.opportunities.models import Opportunity
from pipeline_svc.opportunities.queries import FIELDS as OPPORTUNITY_FIELDS
from services import references
from services.database import context_of, now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Assignee, AssignmentRule, AssignmentTurn
from .rules import Standing

FIELDS: FilterFields = {
    "id": Field("id", AssignmentRule.id),
    "noun": Field("choice", AssignmentRule.noun),
    "order": Field("number", AssignmentRule.order),
    "strategy": Field("choice", AssignmentRule.strategy),
    "status": Field("choice", AssignmentRule.status),
    "created_at": Field("instant", AssignmentRule.created_at),
    "updated_at": Field("instant", AssignmentRule.updated_at),
}
ORDERS = {
    "created_at": Order(AssignmentRule.created_at, datetime),
    "updated_at": Order(AssignmentRule.updated_at, datetime),
    "order": Order(AssignmentRule.order, int),
}
OWNED: Mapping[str, tuple[type[leads.Lead] | type[Opportunity], ColumnElement[bool]]] = {
    "leads": (leads.Lead, leads.Lead.status.in_(leads.OPEN)),
    "opportunities": (Opportunity, Opportunity.status == "open"),
}
"""For each noun its table and what of it is open work."""

PUBLIC = {"leads": LEAD_FIELDS, "opportunities": {name: field for name, field in OPPORTUNITY_FIELDS.items() if name != "name"}}
"""The fields of each noun that rules may ask for: none that is owner-held."""

SUBJECT_FIELDS: Mapping[str, FilterFields] = {noun: {**references.FIELDS, **fields} for noun, fields in PUBLIC.items()}
"""What a rule's filter may ask of a noun: its public fields, and those of its contact's references that it has not itself."""


async def get_rule(session: AsyncSession, rule_id: UUID, *, lock: bool = False) -> AssignmentRule:
    """The rule, locked for a change if asked. Raises NotFound."""
    rule = await session.get(AssignmentRule, rule_id, with_for_update=lock or None)
    if rule is None:
        raise NotFound(f"There is no assignment rule {rule_id}")
    return rule


async def list_rules(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the rules that are not archived."""
    statement = filtered(unarchived(AssignmentRule), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=AssignmentRule.id, orders=ORDERS, default="order")


async def list_active_rules(session: AsyncSession, noun: str) -> Sequence[AssignmentRule]:
    """The rules that give out a noun, in the order in which they are asked."""
    wanted = AssignmentRule.noun == noun, AssignmentRule.status == "active", AssignmentRule.archived_at.is_(None)
    found = await session.scalars(select(AssignmentRule).where(*wanted).order_by(AssignmentRule.order, AssignmentRule.id))
    return found.all()


async def lock_assignees(session: AsyncSession, user_ids: Collection[UUID]) -> None:
    """Let nobody else give these users work until this transaction ends (in the order of ids, so that two cannot lock each other out)."""
    tenant_id, ordered = context_of(session).tenant_id, sorted(user_ids)
    rows = [{"tenant_id": tenant_id, "user_id": user_id} for user_id in ordered]
    await session.execute(insert(Assignee).values(rows).on_conflict_do_nothing())
    await session.execute(select(Assignee.user_id).where(Assignee.user_id.in_(ordered)).order_by(Assignee.user_id).with_for_update())


async def lock_unowned(session: AsyncSession, noun: str, limit: int) -> list[dict[str, Any]]:
    """The rows of open work that nobody owns, the oldest first, locked; what somebody is changing just now is passed over."""
    table, is_open = OWNED[noun]
    wanted = table.archived_at.is_(None), is_open, table.owner_id.is_(None)
    statement = select(table.__table__).where(*wanted).order_by(table.opened_at, table.id).limit(limit)
    return [dict(row) for row in (await session.execute(statement.with_for_update(skip_locked=True))).mappings()]


async def count_open(session: AsyncSession, noun: str, user_ids: Collection[UUID]) -> dict[UUID, int]:
    """How much open work of a noun each user has."""
    table, is_open = OWNED[noun]
    wanted = table.owner_id.in_(user_ids), is_open, table.archived_at.is_(None)
    found = await session.execute(select(table.owner_id, func.count()).where(*wanted).group_by(table.owner_id))
    return {user_id: count for user_id, count in found if user_id is not None}


async def find_standings(session: AsyncSession, rule_id: UUID, open_work: Mapping[UUID, int]) -> dict[UUID, Standing]:
    """How each user with an entry in `open_work` stands to a rule."""
    found = await session.execute(select(AssignmentTurn.user_id, AssignmentTurn.given).where(AssignmentTurn.rule_id == rule_id))
    given = dict(found.all())
    return {user_id: Standing(count, given.get(user_id, 0)) for user_id, count in open_work.items()}
