"""What a batch does with tickets: creates and upserts written set-based, the rest one by one."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.batch import BatchVerbs, Outcome
from services.contracts import ExternalId
from services.errors import Refusal
from services.upserts import create_named, outcome_of, patch_of, upsert_named

from . import operations
from .queries import get_ticket
from .schemas import TicketCreate, TicketPatch


async def create_each(session: AsyncSession, tickets: Sequence[TicketCreate]) -> list[Outcome | Refusal]:
    """Create for a batch."""
    return [outcome_of(answer) for answer in await create_named(session, operations.NOUN, tickets, write=operations.write_tickets)]


async def upsert_each(session: AsyncSession, items: Sequence[tuple[ExternalId, TicketCreate]]) -> list[Outcome | Refusal]:
    """Upsert for a batch. How a ticket was opened (`opened_at`, `queue_id`) is no content: where it stands by now is as it should be."""
    return await upsert_named(session, operations.NOUN, items, write=operations.write_tickets, change=_hold_against)


async def update_each(session: AsyncSession, ticket_id: UUID, patch: TicketPatch, if_match: str | None) -> Outcome:
    """Update for a batch."""
    ticket = await operations.update_ticket(session, ticket_id, patch, if_match)
    return Outcome(200, ticket.id, ticket.version)


async def archive_each(session: AsyncSession, ticket_id: UUID) -> Outcome:
    """Archive for a batch."""
    ticket = await operations.archive_ticket(session, ticket_id)
    return Outcome(200, ticket.id, ticket.version)


async def _hold_against(session: AsyncSession, ticket_id: UUID, wanted: TicketCreate) -> Outcome:
    ticket = await get_ticket(session, ticket_id, lock=True)
    return await update_each(session, ticket_id, patch_of(wanted, TicketPatch, ticket.external_ids), "*")


VERBS = BatchVerbs(TicketCreate, TicketPatch, create_each, upsert_each, update_each, archive_each)
