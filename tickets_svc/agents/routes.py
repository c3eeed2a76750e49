"""The HTTP routes of agents."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep

from . import operations, queries
from .schemas import AgentCreate, AgentPatch, AgentRead, PresenceChange

router = Router("agents", prefix="/v1/agents")


@router.operation("GET", "", name="list", scope="agents:read", response_model=Page[AgentRead])
async def list_agents(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> object:
    """List agents. Errors: 422 for a wrong filter, order or cursor."""
    items, next_cursor, total = await queries.list_agents(session, query, me=caller.user_id)
    return {"items": items, "next_cursor": next_cursor, "total": total}


@router.operation("POST", "/search", name="search", scope="agents:read", response_model=Page[AgentRead])
async def search_agents(session: SessionDep, caller: CallerDep, query: ListQuery) -> object:
    """The list, with the filter in the body. Errors: 422."""
    items, next_cursor, total = await queries.list_agents(session, query, me=caller.user_id)
    return {"items": items, "next_cursor": next_cursor, "total": total}


@router.operation("POST", "", name="create", scope="agents:write", response_model=AgentRead, status_code=201)
async def create_agent(session: SessionDep, response: Response, body: AgentCreate) -> AgentRead:
    """Have a user take cases. Errors: 409 for a user who is an agent already or an external id that is taken, 422."""
    agent = await operations.create_agent(session, body)
    stamp(response, "agent", agent)
    return agent


@router.operation("POST", "/batch", name="batch", scope="agents:write", response_model=BatchAnswer)
async def batch_agents(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{agent_id}", name="get", scope="agents:read", response_model=AgentRead)
async def get_agent(session: SessionDep, response: Response, agent_id: UUID) -> AgentRead:
    """Read an agent. Errors: 404."""
    agent = await queries.show_agent(session, await queries.get_agent(session, agent_id))
    stamp(response, "agent", agent)
    return agent


@router.operation("PATCH", "/{agent_id}", name="update", scope="agents:write", response_model=AgentRead)
async def update_agent(session: SessionDep, response: Response, agent_id: UUID, body: AgentPatch, if_match: IfMatch = None) -> AgentRead:
    """Change an agent. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    agent = await operations.update_agent(session, agent_id, body, if_match)
    stamp(response, "agent", agent)
    return agent


@router.operation("POST", "/{agent_id}/retire", name="retire", scope="agents:write", response_model=AgentRead)
async def retire_agent(session: SessionDep, response: Response, agent_id: UUID) -> AgentRead:
    """Give an agent no more cases. Errors: 404, 409 when it is retired already."""
    agent = await operations.retire_agent(session, agent_id)
    stamp(response, "agent", agent)
    return agent


@router.operation("POST", "/{agent_id}/archive", name="archive", scope="agents:write", response_model=AgentRead)
async def archive_agent(session: SessionDep, response: Response, agent_id: UUID) -> AgentRead:
    """Hide an agent from lists. Errors: 404."""
    agent = await operations.archive_agent(session, agent_id)
    stamp(response, "agent", agent)
    return agent


@router.operation("POST", "/{agent_id}/restore", name="restore", scope="agents:write", response_model=AgentRead)
async def restore_agent(session: SessionDep, response: Response, agent_id: UUID) -> AgentRead:
    """Bring an agent back to lists. Errors: 404."""
    agent = await operations.restore_agent(session, agent_id)
    stamp(response, "agent", agent)
    return agent


@router.operation("POST", "/{agent_id}/presence", name="presence", scope="agents:write", response_model=AgentRead)
async def change_presence(session: SessionDep, response: Response, agent_id: UUID, body: PresenceChange) -> AgentRead:
    """Say whether an agent is there. Errors: 404, 422."""
    agent = await operations.change_presence(session, agent_id, body.presence)
    stamp(response, "agent", agent)
    return agent
