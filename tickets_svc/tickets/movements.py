"""The verbs of a ticket: each locks it, asks the rules, changes it and tells of it once. And the two timers that move it."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import invalid_field
from services.events.tickets import (
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketFirstResponded,
    TicketQueueChanged,
    TicketReopened,
    TicketResolved,
    TicketStatus,
    TicketStatusChanged,
    TicketUpdated,
)
from services.jobs import Work, enqueue
from services.outbox import record
from tickets_svc.queues.queries import check_queue, find_active_queues
from tickets_svc.routing.arming import ask_for_routing

from . import rules
from .grounds import BY_HAND, Grounds
from .models import Ticket
from .operations import REOPENED_FROM, open_ticket, state_of
from .queries import get_ticket
from .schemas import Escalation, TicketCreate, TicketLink, TicketRead, Waiting, Watching


async def assign_ticket(session: AsyncSession, ticket_id: UUID, assignee_id: UUID | None, *, at: datetime | None = None) -> Ticket:
    """Give the ticket to a person; who has it already keeps it. Raises NotFound, WrongState, Invalid."""
    ticket, at = await _begin(session, ticket_id, "assign", at=at)
    if assignee_id is None:
        raise invalid_field("/assignee_id", "missing", "Say who gets the ticket: the caller is no user")
    return await give_ticket(session, ticket, assignee_id, at=at, grounds=BY_HAND)


async def give_ticket(session: AsyncSession, ticket: Ticket, assignee_id: UUID, *, at: datetime, grounds: Grounds) -> Ticket:
    """Give a locked ticket to a person and say why; who has it already keeps it."""
    if ticket.assignee_id == assignee_id:
        return ticket
    ticket.assignee_id = assignee_id
    if grounds.expected_loss_minor is not None:
        ticket.value_at_risk_minor = grounds.expected_loss_minor
    move(ticket, rules.touched(ticket.status), at=at)
    fact = TicketAssigned(
        state=state_of(ticket),
        strategy=grounds.strategy,
        waited_seconds=rules.seconds_between(ticket.opened_at, at),
        rule_id=grounds.rule_id,
        reasons=list(grounds.reasons),
        expected_loss_minor=grounds.expected_loss_minor,
    )
    await record(session, ticket, fact, occurred_at=at)
    return ticket


async def route_ticket(session: AsyncSession, ticket_id: UUID, queue_id: UUID, *, at: datetime | None = None) -> Ticket:
    """Put the ticket into a queue. Raises NotFound, WrongState, Invalid."""
    ticket, at = await _begin(session, ticket_id, "route", at=at)
    check_queue(queue_id, await find_active_queues(session, [queue_id]))
    return await put_into_queue(session, ticket, queue_id, at=at)


async def put_into_queue(session: AsyncSession, ticket: Ticket, queue_id: UUID, *, at: datetime) -> Ticket:
    """Put a locked ticket into a queue, unless it is there."""
    before = ticket.queue_id
    if before != queue_id:
        ticket.queue_id = queue_id
        await record(session, ticket, TicketQueueChanged(state=state_of(ticket), from_=before, to=queue_id), occurred_at=at)
    return ticket


async def escalate_ticket(session: AsyncSession, ticket_id: UUID, escalation: Escalation) -> Ticket:
    """Pass the ticket up. Raises NotFound, WrongState, Invalid for a level that is not above the present one."""
    ticket, at = await _begin(session, ticket_id, "escalate", at=escalation.at)
    level = escalation.level or ticket.escalation_level + 1
    if level <= ticket.escalation_level:
        raise invalid_field("/level", "not_above", f"The ticket is at level {ticket.escalation_level} already")
    ticket.escalation_level = level
    move(ticket, rules.touched(ticket.status), at=at)
    fact = TicketEscalated(state=state_of(ticket), level=level, reason=escalation.reason)
    await record(session, ticket, fact, occurred_at=at)
    return ticket


async def wait_with_ticket(session: AsyncSession, ticket_id: UUID, waiting: Waiting) -> Ticket:
    """Let the ticket wait, at most until `until`. Raises NotFound, WrongState, Invalid."""
    ticket, at = await _begin(session, ticket_id, "wait", at=waiting.at)
    rules.check_until(waiting.until, at=at)
    await _tell_status(session, ticket, waiting.status, at=at, until=waiting.until)
    if waiting.until is not None:
        await _set_timer(session, "continue_ticket", ticket, run_at=waiting.until)
    return ticket


async def continue_ticket(session: AsyncSession, ticket_id: UUID, *, at: datetime | None = None) -> Ticket:
    """Go on with a ticket that waited. Raises NotFound, WrongState, Invalid."""
    ticket, at = await _begin(session, ticket_id, "continue", at=at)
    await _tell_status(session, ticket, "open", at=at)
    return ticket


async def resolve_ticket(session: AsyncSession, ticket_id: UUID, *, at: datetime | None = None) -> Ticket:
    """Say that the case is solved; it closes by itself when nobody comes back. Raises NotFound, WrongState, Invalid."""
    ticket, at = await _begin(session, ticket_id, "resolve", at=at)
    move(ticket, "resolved", at=at)
    ticket.resolved_at = at
    fact = TicketResolved(state=state_of(ticket), seconds_elapsed=rules.seconds_between(ticket.opened_at, at))
    await record(session, ticket, fact, occurred_at=at)
    await _set_timer(session, "close_ticket", ticket, run_at=at + rules.CLOSES_AFTER)
    if ticket.assignee_id is not None:  # who has room for another now
        await ask_for_routing(session)
    return ticket


async def reopen_ticket(session: AsyncSession, ticket_id: UUID, *, at: datetime | None = None) -> Ticket | TicketRead:
    """Go on with a ticket that was resolved or closed: the ticket itself or, where it was closed long ago, a new one that names it.

    Raises NotFound, WrongState, Invalid.
    """
    ticket, at = await _begin(session, ticket_id, "reopen", at=at)
    if rules.goes_on_in_a_new_ticket(ticket, at=at):
        return await open_ticket(session, _successor(ticket, at))
    resolved_at = ticket.resolved_at or ticket.opened_at
    move(ticket, "open", at=at)
    ticket.resolved_at = ticket.closed_at = None
    ticket.reopened_count += 1
    fact = TicketReopened(state=state_of(ticket), seconds_elapsed=rules.seconds_between(resolved_at, at))
    await record(session, ticket, fact, occurred_at=at)
    return ticket


async def watch_ticket(session: AsyncSession, ticket_id: UUID, watching: Watching, *, me: UUID | None) -> Ticket:
    """Have a user watch the ticket, or no longer. Raises NotFound, Invalid."""
    ticket = await get_ticket(session, ticket_id, lock=True)
    user_id = watching.user_id or me
    if user_id is None:
        raise invalid_field("/user_id", "missing", "Say who watches: the caller is no user")
    others = [watcher for watcher in ticket.watchers if watcher != str(user_id)]
    watchers = [*others, str(user_id)] if watching.watching else others
    if set(watchers) != set(ticket.watchers):
        ticket.watchers = watchers
        await record(session, ticket, TicketUpdated(state=state_of(ticket)))
    return ticket


async def note_reply(session: AsyncSession, ticket: Ticket, *, at: datetime) -> None:
    """What a reply to the customer does to a locked ticket: the first is its first response."""
    if ticket.first_responded_at is None:
        ticket.first_responded_at = at
        move(ticket, rules.touched(ticket.status), at=at)
        seconds = rules.seconds_between(ticket.opened_at, at)
        await record(session, ticket, TicketFirstResponded(state=state_of(ticket), seconds_elapsed=seconds), occurred_at=at)
    else:
        await note_touch(session, ticket, at=at)


async def note_touch(session: AsyncSession, ticket: Ticket, *, at: datetime) -> None:
    """What a touch by the staff does to a locked ticket: a new one is open."""
    if ticket.status == "new":
        await _tell_status(session, ticket, "open", at=at)


async def note_customer(session: AsyncSession, ticket: Ticket, *, at: datetime) -> None:
    """What a word of the customer does to a locked ticket: one that waited for it goes on."""
    if ticket.status == "pending_customer":
        await _tell_status(session, ticket, "open", at=at)


async def continue_when_due(session: AsyncSession, work: Work) -> None:
    """The timer of a ticket that waits: it goes on, unless it has moved meanwhile."""
    ticket = await get_ticket(session, UUID(work.arguments["ticket_id"]), lock=True)
    until = ticket.pending_until_at
    if ticket.status in rules.PENDING and until is not None and until <= now(session):
        await _tell_status(session, ticket, "open", at=until)


async def close_when_due(session: AsyncSession, work: Work) -> None:
    """The timer of a resolved ticket: it closes, unless it has moved meanwhile."""
    ticket = await get_ticket(session, UUID(work.arguments["ticket_id"]), lock=True)
    if ticket.status != "resolved" or ticket.status_since + rules.CLOSES_AFTER > now(session):
        return
    at = ticket.status_since + rules.CLOSES_AFTER
    move(ticket, "closed", at=at)
    ticket.closed_at = at
    fact = TicketClosed(state=state_of(ticket), seconds_elapsed=rules.seconds_between(ticket.opened_at, at))
    await record(session, ticket, fact, occurred_at=at)


def move(ticket: Ticket, status: str, *, at: datetime) -> None:
    """Set the status, and since when; what it waited for is over."""
    if status != ticket.status:
        ticket.status, ticket.status_since, ticket.pending_until_at = status, at, None


async def _begin(session: AsyncSession, ticket_id: UUID, verb: str, *, at: datetime | None) -> tuple[Ticket, datetime]:
    """The locked ticket, if the verb fits it, and when it happens."""
    ticket = await get_ticket(session, ticket_id, lock=True)
    rules.check_fits(verb, ticket)
    return ticket, rules.decide_instant(at, now=now(session), not_before=ticket.opened_at)


async def _tell_status(session: AsyncSession, ticket: Ticket, status: TicketStatus, *, at: datetime, until: datetime | None = None) -> None:
    before, since = cast("TicketStatus", ticket.status), ticket.status_since
    move(ticket, status, at=at)
    ticket.pending_until_at = until
    seconds = rules.seconds_between(since, at)
    fact = TicketStatusChanged(state=state_of(ticket), from_=before, to=status, seconds_in_from=seconds, until=until)
    await record(session, ticket, fact, occurred_at=at)


async def _set_timer(session: AsyncSession, kind: str, ticket: Ticket, *, run_at: datetime) -> None:
    await enqueue(session, kind, f"{ticket.id}@{ticket.version}", arguments={"ticket_id": str(ticket.id)}, run_at=run_at)


def _successor(ticket: Ticket, at: datetime) -> TicketCreate:
    """The ticket that goes on with one that was closed long ago."""
    kept: dict[str, Any] = {name: getattr(ticket, name) for name in ("type", "priority", "channel", "topic", "tags", "queue_id")}
    kept |= {name: getattr(ticket, name) for name in ("contact_id", "organization_id", "product_id", "order_id", "subject_line")}
    return TicketCreate(**kept, opened_at=at, links=[TicketLink(ticket_id=ticket.id, kind=REOPENED_FROM)])
