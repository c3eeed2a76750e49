"""Reading agents: who they are, whether they are there, and how many cases they have."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import ListQuery, Order, fetch_page, filtered, unarchived
from tickets_svc.tickets.models import Ticket

from . import rules
from .models import Agent, AgentPresence
from .schemas import AgentRead

FIELDS: FilterFields = {
    "id": Field("id", Agent.id),
    "user_id": Field("id", Agent.user_id),
    "languages": Field("tags", Agent.languages),
    "capacity": Field("number", Agent.capacity),
    "status": Field("choice", Agent.status),
    "created_at": Field("instant", Agent.created_at),
    "updated_at": Field("instant", Agent.updated_at),
}
ORDERS = {"created_at": Order(Agent.created_at, datetime), "updated_at": Order(Agent.updated_at, datetime)}


async def get_agent(session: AsyncSession, agent_id: UUID, *, lock: bool = False) -> Agent:
    """The agent, locked for a change if asked. Raises NotFound."""
    agent = await session.get(Agent, agent_id, with_for_update=lock or None)
    if agent is None:
        raise NotFound(f"There is no agent {agent_id}")
    return agent


async def get_calling_agent(session: AsyncSession, user_id: UUID | None) -> Agent:
    """The agent that a user is, locked, and there. Raises NotAnAgent, NotAvailable."""
    agent = (await session.scalars(select(Agent).where(Agent.user_id == user_id).with_for_update())).one_or_none()
    if agent is None:
        raise rules.NotAnAgent("The caller is a user who takes no cases")
    rules.check_can_pull(agent.status, (await get_presence(session, agent.id))[0])
    return agent


async def list_agents(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> tuple[Sequence[AgentRead], str | None, int | None]:
    """A page of the agents that are not archived."""
    statement = filtered(unarchived(Agent), query, FIELDS, bindings=Bindings(me, now(session)))
    found = await fetch_page(session, statement, query, id_column=Agent.id, orders=ORDERS, default="-created_at")
    return await _with_presence(session, map(AgentRead.model_validate, found.named())), found.next_cursor, found.total


async def show_agent(session: AsyncSession, agent: Agent) -> AgentRead:
    """An agent as it is shown, with its presence."""
    (shown,) = await _with_presence(session, [AgentRead.model_validate(agent)])
    return shown


async def _with_presence(session: AsyncSession, agents: Iterable[AgentRead]) -> list[AgentRead]:
    shown = {agent.id: agent for agent in agents}
    for row in await session.scalars(select(AgentPresence).where(AgentPresence.agent_id.in_(shown))):
        shown[row.agent_id] = shown[row.agent_id].model_copy(update={"presence": row.presence, "presence_since": row.since})
    return list(shown.values())


async def get_presence(session: AsyncSession, agent_id: UUID) -> tuple[str, datetime | None]:
    """Whether an agent is there, and since when."""
    found = await session.execute(select(AgentPresence.presence, AgentPresence.since).where(AgentPresence.agent_id == agent_id))
    row = found.one_or_none()
    return ("offline", None) if row is None else (row.presence, row.since)


async def count_cases(session: AsyncSession, user_id: UUID) -> int:
    """How many unresolved cases a user has."""
    live = literal_column("ticket.status NOT IN ('resolved', 'closed')", Boolean)
    return await session.scalar(select(func.count()).select_from(Ticket).where(Ticket.assignee_id == user_id, live)) or 0
