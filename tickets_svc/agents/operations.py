"""Changing agents and their presence."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, context_of, now
from services.errors import Refusal
from services.events.tickets_desk import (
    AgentArchived,
    AgentCreated,
    AgentPresenceChanged,
    AgentRestored,
    AgentState,
    AgentUpdated,
    Presence,
    PresenceState,
)
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named
from tickets_svc.routing.arming import ask_for_routing

from . import rules
from .models import Agent, AgentPresence
from .queries import get_agent, get_presence, show_agent
from .schemas import AgentCreate, AgentPatch, AgentRead

NOUN = "agent"
INSERT_WHERE_FREE = (
    insert(Agent.__table__)  # type: ignore[arg-type]
    .on_conflict_do_nothing(index_elements=["tenant_id", "user_id"])
    .returning(Agent.__table__.c.id)
)


def state_of(agent: Agent | Values) -> AgentState:
    """The public state of an agent or of its row."""
    return AgentState.model_validate(agent)


async def write_agents(session: AsyncSession, births: Sequence[tuple[UUID, AgentCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new agents and their events, one statement each; a user who is an agent already is refused."""
    rows = [{**birth(session, agent_id), **agent.model_dump(), "status": "active"} for agent_id, agent in births]
    free = set(await session.scalars(INSERT_WHERE_FREE, sorted(rows, key=lambda row: str(row["user_id"]))))
    born = [row for row in rows if row["id"] in free]
    facts = [(Written(row["id"], 1, row["partition_key"], row["updated_at"]), AgentCreated(state=state_of(row)), None) for row in born]
    await record_many(session, facts)
    return {row["id"]: row if row["id"] in free else rules.UserIsAgent("This user is an agent already") for row in rows}


async def create_agent(session: AsyncSession, agent: AgentCreate) -> AgentRead:
    """Have a user take cases. Raises UserIsAgent, ExternalIdTaken."""
    return AgentRead.model_validate(await create_one(session, NOUN, agent, write=write_agents))


async def update_agent(session: AsyncSession, agent_id: UUID, patch: AgentPatch, if_match: str | None) -> AgentRead:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, ExternalIdTaken."""
    agent = await get_agent(session, agent_id, lock=True)
    check_version(agent.version, if_match)
    before = agent.external_ids
    if apply_patch(agent, patch):
        await rename(session, NOUN, agent.id, before=before, after=agent.external_ids)
        await record(session, agent, AgentUpdated(state=state_of(agent)))
    return await show_agent(session, agent)


async def retire_agent(session: AsyncSession, agent_id: UUID) -> AgentRead:
    """Give the agent no more cases; those at hand stay. Raises NotFound, WrongState."""
    agent = await get_agent(session, agent_id, lock=True)
    rules.check_can_retire(agent.status)
    agent.status = "retired"
    await record(session, agent, AgentUpdated(state=state_of(agent)))
    return await show_agent(session, agent)


async def archive_agent(session: AsyncSession, agent_id: UUID) -> AgentRead:
    """Hide from lists. Raises NotFound."""
    agent = await get_agent(session, agent_id, lock=True)
    if agent.archived_at is None:
        agent.archived_at = now(session)
        await record(session, agent, AgentArchived(state=state_of(agent)))
    return await show_agent(session, agent)


async def restore_agent(session: AsyncSession, agent_id: UUID) -> AgentRead:
    """Bring back to lists. Raises NotFound."""
    agent = await get_agent(session, agent_id, lock=True)
    if agent.archived_at is not None:
        agent.archived_at = None
        await record(session, agent, AgentRestored(state=state_of(agent)))
    return await show_agent(session, agent)


async def change_presence(session: AsyncSession, agent_id: UUID, presence: Presence) -> AgentRead:
    """Note whether the agent is there; a change is a fact, the same once more is none. Raises NotFound."""
    agent = await get_agent(session, agent_id, lock=True)
    before, since = await get_presence(session, agent_id)
    if before != presence:
        at = now(session)
        tenant_id = context_of(session).tenant_id
        keep = insert(AgentPresence).values(tenant_id=tenant_id, agent_id=agent_id, presence=presence, since=at)
        await session.execute(
            keep.on_conflict_do_update(index_elements=["tenant_id", "agent_id"], set_={"presence": presence, "since": at})
        )
        state = PresenceState(id=new_id(), created_at=at, agent_id=agent_id, user_id=agent.user_id, presence=presence)
        seconds = max(0, int((at - (since or agent.created_at)).total_seconds()))
        fact = AgentPresenceChanged(state=state, from_=cast("Presence", before), to=presence, seconds=seconds)
        await record_many(session, [(Written(state.id, 1, agent.partition_key, at), fact, None)])
        if presence == "available":
            await ask_for_routing(session)
    return await show_agent(session, agent)


async def create_each(session: AsyncSession, agents: Sequence[AgentCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, agents, write=write_agents)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, AgentCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch. Who the agent is (`user_id`) is of the birth only."""
    return await upsert_named(session, NOUN, items, write=write_agents, change=_hold_against)


async def update_each(session: AsyncSession, agent_id: UUID, patch: AgentPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    agent = await update_agent(session, agent_id, patch, if_match)
    return Outcome(200, agent.id, agent.version)


async def archive_each(session: AsyncSession, agent_id: UUID) -> Outcome:
    """Archive for a batch."""
    agent = await archive_agent(session, agent_id)
    return Outcome(200, agent.id, agent.version)


async def _hold_against(session: AsyncSession, agent_id: UUID, wanted: AgentCreate) -> Outcome:
    agent = await get_agent(session, agent_id, lock=True)
    return await update_each(session, agent_id, patch_of(wanted, AgentPatch, agent.external_ids), "*")


BATCH = BatchVerbs(AgentCreate, AgentPatch, create_each, upsert_each, update_each, archive_each)
