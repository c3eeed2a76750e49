"""Changing queues, and pulling the next case out of one."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.database import birth, now
from services.errors import Refusal
from services.events.tickets_desk import QueueArchived, QueueChanged, QueueCreated, QueueRestored, QueueState
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.upserts import Values, create_named, create_one, outcome_of, patch_of, rename, upsert_named
from tickets_svc.agents.queries import count_cases, get_calling_agent
from tickets_svc.tickets.grounds import why_pulled
from tickets_svc.tickets.models import Ticket
from tickets_svc.tickets.movements import give_ticket

from . import rules
from .models import Queue
from .queries import get_queue, take_next_case
from .schemas import QueueCreate, QueuePatch

NOUN = "queue"


def state_of(queue: Queue | Values) -> QueueState:
    """The public state of a queue or of its row."""
    return QueueState.model_validate(queue)


async def write_queues(session: AsyncSession, births: Sequence[tuple[UUID, QueueCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new queues and their events: one statement each."""
    rows = [{**birth(session, queue_id), **queue.model_dump(mode="json"), "status": "active"} for queue_id, queue in births]
    await session.execute(insert(Queue.__table__), rows)  # type: ignore[arg-type]
    facts = [(Written(row["id"], 1, row["partition_key"], row["updated_at"]), QueueCreated(state=state_of(row)), None) for row in rows]
    await record_many(session, facts)
    return {row["id"]: row for row in rows}


async def create_queue(session: AsyncSession, queue: QueueCreate) -> Queue:
    """Create a queue. Raises ExternalIdTaken."""
    return Queue(**await create_one(session, NOUN, queue, write=write_queues))


async def update_queue(session: AsyncSession, queue_id: UUID, patch: QueuePatch, if_match: str | None) -> Queue:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, ExternalIdTaken."""
    queue = await get_queue(session, queue_id, lock=True)
    check_version(queue.version, if_match)
    before = queue.external_ids
    wanted = patch.model_dump(mode="json", exclude_unset=True)
    changes = {name: value for name, value in wanted.items() if getattr(queue, name) != value}
    for name, value in changes.items():
        setattr(queue, name, value)
    if changes:
        await rename(session, NOUN, queue.id, before=before, after=queue.external_ids)
        await record(session, queue, QueueChanged(state=state_of(queue)))
    return queue


async def retire_queue(session: AsyncSession, queue_id: UUID) -> Queue:
    """Put nothing into it any more; what waits in it may still be pulled. Raises NotFound, WrongState."""
    queue = await get_queue(session, queue_id, lock=True)
    rules.check_can_retire(queue.status)
    queue.status = "retired"
    await record(session, queue, QueueChanged(state=state_of(queue)))
    return queue


async def archive_queue(session: AsyncSession, queue_id: UUID) -> Queue:
    """Hide from lists. Raises NotFound."""
    queue = await get_queue(session, queue_id, lock=True)
    if queue.archived_at is None:
        queue.archived_at = now(session)
        await record(session, queue, QueueArchived(state=state_of(queue)))
    return queue


async def restore_queue(session: AsyncSession, queue_id: UUID) -> Queue:
    """Bring back to lists. Raises NotFound."""
    queue = await get_queue(session, queue_id, lock=True)
    if queue.archived_at is not None:
        queue.archived_at = None
        await record(session, queue, QueueRestored(state=state_of(queue)))
    return queue


async def pull_case(session: AsyncSession, queue_id: UUID, *, me: UUID | None) -> Ticket | None:
    """Give the calling agent the next case of the queue; None where nothing waits or the agent has as many as the capacity says.

    The agent's row is locked first, so that one agent who pulls many times at once is counted one pull after the other. Raises
    NotFound, NotAnAgent, NotAvailable.
    """
    queue = await get_queue(session, queue_id)
    agent = await get_calling_agent(session, me)
    if await count_cases(session, agent.user_id) >= agent.capacity:
        return None
    ticket = await take_next_case(session, queue)
    if ticket is None:
        return None
    grounds = await why_pulled(session, ticket, floor_minutes=queue.fairness_floor_minutes, by_loss=queue.pull_by == "expected_loss")
    return await give_ticket(session, ticket, agent.user_id, at=now(session), grounds=grounds)


async def create_each(session: AsyncSession, queues: Sequence[QueueCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, NOUN, queues, write=write_queues)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, QueueCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch."""
    return await upsert_named(session, NOUN, items, write=write_queues, change=_hold_against)


async def update_each(session: AsyncSession, queue_id: UUID, patch: QueuePatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    queue = await update_queue(session, queue_id, patch, if_match)
    return Outcome(200, queue.id, queue.version)


async def archive_each(session: AsyncSession, queue_id: UUID) -> Outcome:
    """Archive for a batch."""
    queue = await archive_queue(session, queue_id)
    return Outcome(200, queue.id, queue.version)


async def _hold_against(session: AsyncSession, queue_id: UUID, wanted: QueueCreate) -> Outcome:
    queue = await get_queue(session, queue_id, lock=True)
    return await update_each(session, queue_id, patch_of(wanted, QueuePatch, queue.external_ids), "*")


BATCH = BatchVerbs(QueueCreate, QueuePatch, create_each, upsert_each, update_each, archive_each)
