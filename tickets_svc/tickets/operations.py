"""Writing tickets: their birth (set-based, for one and for many), changes of fields, archive and restore."""

from collections.abc import Sequence, Set
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import birth, context_of, now
from services.errors import Refusal
from services.events.tickets import (
    TicketArchived,
    TicketOpened,
    TicketPriorityChanged,
    TicketRestored,
    TicketState,
    TicketUpdated,
)
from services.merge_patch import merge
from services.outbox import Written, record, record_many
from services.preconditions import check_version
from services.problems import invalid_from
from services.upserts import Values, create_one, rename
from tickets_svc.queues.queries import check_queue, find_active_queues
from tickets_svc.routing.arming import arm_routing

from . import rules
from .births import write_rows
from .models import Ticket
from .queries import get_ticket
from .schemas import Complaint, TicketCreate, TicketPatch, TicketRead

NOUN = "ticket"
REOPENED_FROM = "reopened_from"
"""The kind of link to a ticket with which a new one goes on."""
AS_JSON = frozenset({"watchers", "links", "checklist", "complaint", "external_ids"})
AS_SENT = frozenset(TicketPatch.model_fields) - AS_JSON
"""The columns that a create and a patch set as they are sent."""


def state_of(ticket: Ticket | Values) -> TicketState:
    """The public state of a ticket or of its row."""
    return TicketState.model_validate(ticket)


async def open_ticket(session: AsyncSession, ticket: TicketCreate) -> TicketRead:
    """Write one new ticket and its event. Raises Invalid, ExternalIdTaken."""
    return TicketRead.model_validate(await create_one(session, NOUN, ticket, write=write_tickets))


async def write_tickets(session: AsyncSession, births: Sequence[tuple[UUID, TicketCreate]]) -> dict[UUID, Values | Refusal]:
    """Write new tickets under the given ids, and their events: one statement each, whatever their number. Answers row or refusal."""
    answers: dict[UUID, Values | Refusal] = {}
    queues = await find_active_queues(session, (ticket.queue_id for _, ticket in births if ticket.queue_id))
    for ticket_id, ticket in births:
        try:
            if ticket.queue_id is not None:
                check_queue(ticket.queue_id, queues)
            answers[ticket_id] = _row(session, ticket_id, ticket)
        except Refusal as refusal:
            answers[ticket_id] = refusal
    rows = [answer for answer in answers.values() if not isinstance(answer, Refusal)]
    if not rows:
        return answers
    is_routed = await write_rows(session, rows)
    await record_many(session, [(_written(row), _opened(row), row["opened_at"]) for row in rows])
    if is_routed:
        await arm_routing(session)
    return answers


async def update_ticket(session: AsyncSession, ticket_id: UUID, patch: TicketPatch, if_match: str | None) -> Ticket:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, Invalid, ExternalIdTaken."""
    ticket = await get_ticket(session, ticket_id, lock=True)
    check_version(ticket.version, if_match)
    return await apply_changes(session, ticket, patch)


async def apply_changes(session: AsyncSession, ticket: Ticket, patch: TicketPatch) -> Ticket:
    """Change what the patch changes of a locked ticket; nothing is published where that is nothing.

    Raises Invalid, ExternalIdTaken.
    """
    wanted = columns_of(patch, patch.model_fields_set)
    if patch.complaint is not None:
        wanted["complaint"] = _merged_complaint(ticket, patch)
    changes = {name: value for name, value in wanted.items() if getattr(ticket, name) != value}
    if not changes:
        return ticket
    if "external_ids" in changes:
        await rename(session, NOUN, ticket.id, before=ticket.external_ids, after=changes["external_ids"])
    before = ticket.priority
    for name, value in changes.items():
        setattr(ticket, name, value)
    if "priority" in changes:
        await record(session, ticket, TicketPriorityChanged(state=state_of(ticket), from_=before, to=ticket.priority))
    else:
        await record(session, ticket, TicketUpdated(state=state_of(ticket)))
    return ticket


def columns_of(ticket: TicketCreate | TicketPatch, names: Set[str]) -> Values:
    """The columns that the named fields of a create or a patch mean."""
    plain = {name: getattr(ticket, name) for name in names & AS_SENT}
    return plain | ticket.model_dump(mode="json", include=set(names & AS_JSON))


async def archive_ticket(session: AsyncSession, ticket_id: UUID) -> Ticket:
    """Hide from lists. Raises NotFound."""
    ticket = await get_ticket(session, ticket_id, lock=True)
    if ticket.archived_at is None:
        ticket.archived_at = now(session)
        await record(session, ticket, TicketArchived(state=state_of(ticket)))
    return ticket


async def restore_ticket(session: AsyncSession, ticket_id: UUID) -> Ticket:
    """Bring back to lists. Raises NotFound."""
    ticket = await get_ticket(session, ticket_id, lock=True)
    if ticket.archived_at is not None:
        ticket.archived_at = None
        await record(session, ticket, TicketRestored(state=state_of(ticket)))
    return ticket


def _row(session: AsyncSession, ticket_id: UUID, ticket: TicketCreate) -> Values:
    """The row of a ticket that is being born, but for its number and what may be lost. Raises Invalid."""
    opened_at = rules.decide_instant(ticket.opened_at, now=now(session), pointer="/opened_at")
    key = f"{context_of(session).tenant_id}:{ticket.contact_id or ticket_id}"
    return {
        **birth(session, ticket_id, partition_key=key),
        **columns_of(ticket, set(TicketPatch.model_fields)),
        "queue_id": ticket.queue_id,
        "status": "new",
        "status_since": opened_at,
        "opened_at": opened_at,
        "assignee_id": None,
        "escalation_level": 0,
        "pending_until_at": None,
        "first_responded_at": None,
        "resolved_at": None,
        "closed_at": None,
        "reopened_count": 0,
    }


def _merged_complaint(ticket: Ticket, patch: TicketPatch) -> Values:
    sent = patch.model_dump(mode="json", include={"complaint"}, exclude_unset=True)["complaint"]
    try:
        return Complaint.model_validate(merge(ticket.complaint, sent)).model_dump(mode="json")
    except ValidationError as error:
        raise invalid_from(error, prefix="/complaint") from error


def _written(row: Values) -> Written:
    return Written(row["id"], row["version"], row["partition_key"], row["updated_at"])


def _opened(row: Values) -> TicketOpened:
    origin = next((link["ticket_id"] for link in row["links"] if link["kind"] == REOPENED_FROM), None)
    return TicketOpened(state=state_of(row), reopened_from_id=origin)
