"""What happens to tickets. What people write, the subject line and the texts of the checklist, stays with the tickets service."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from services.contracts import Amount, Code, Contract, Count, Event, ExternalId, Id, Instant, Label, State, Tag

TicketType = Literal["question", "incident", "problem", "complaint", "request", "inquiry", "order_request"]
TicketStatus = Literal["new", "open", "pending_customer", "pending_third_party", "on_hold", "resolved", "closed"]
TicketPriority = Literal["low", "normal", "high", "urgent"]
TicketChannel = Literal["email", "portal", "phone", "chat", "social", "sms", "fax", "visit", "api"]


class TicketLink(Contract):
    """Another ticket that this one has to do with, and how: `reopened_from`, `duplicate_of` …"""

    ticket_id: Id
    kind: Code


class ChecklistItem(Contract):
    """One thing to do; its text is owner-held."""

    item_no: Count
    done: bool = False


class Complaint(Contract):
    """What a complaint weighs, from 1 (a remark) to 4 (we may lose the customer), and what came out of it."""

    severity: Annotated[int, Field(ge=1, le=4)]
    root_cause: Code | None = None
    justified: bool | None = None
    demanded: Code | None = None


class AssignmentReason(Contract):
    """One thing that was looked at when a ticket was given to somebody, as a code and its number."""

    code: Code
    number: Amount


class TicketState(State):
    """The public state of a ticket. `contact_id` is who asks; null for an unknown caller."""

    number: Count
    type: TicketType
    status: TicketStatus
    status_since: Instant
    status_name: Label | None = None
    priority: TicketPriority
    queue_id: Id | None = None
    assignee_id: Id | None = None
    contact_id: Id | None = None
    organization_id: Id | None = None
    opened_at: Instant
    channel: TicketChannel
    product_id: Id | None = None
    order_id: Id | None = None
    topic: Code | None = None
    tags: list[Tag] = []
    watchers: list[Id] = []
    parent_id: Id | None = None
    links: list[TicketLink] = []
    checklist: list[ChecklistItem] = []
    complaint: Complaint | None = None
    escalation_level: Count = 0
    pending_until_at: Instant | None = None
    first_responded_at: Instant | None = None
    resolved_at: Instant | None = None
    closed_at: Instant | None = None
    reopened_count: Count = 0
    value_at_risk_minor: Amount | None = None
    external_ids: list[ExternalId] = []


class TicketOpened(Event):
    """A case. Emitted once, first; `reopened_from_id` where it goes on with one that was closed long ago."""

    type: ClassVar[str] = "tickets.ticket.opened.v1"
    state: TicketState
    reopened_from_id: Id | None = None


class TicketUpdated(Event):
    """Fields changed; `changed` may name the subject line, whose text stays with its owner."""

    type: ClassVar[str] = "tickets.ticket.updated.v1"
    state: TicketState


class TicketStatusChanged(Event):
    """A move that has no event of its own: to wait, and to go on."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)  # `from` is a word of Python
    type: ClassVar[str] = "tickets.ticket.status_changed.v1"
    state: TicketState
    from_: TicketStatus = Field(alias="from")
    to: TicketStatus
    seconds_in_from: Count
    until: Instant | None = None


class TicketPriorityChanged(Event):
    """More or less urgent than before; other fields may have changed with it."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)
    type: ClassVar[str] = "tickets.ticket.priority_changed.v1"
    state: TicketState
    from_: TicketPriority = Field(alias="from")
    to: TicketPriority


class TicketQueueChanged(Event):
    """The ticket stands in another queue."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)
    type: ClassVar[str] = "tickets.ticket.queue_changed.v1"
    state: TicketState
    from_: Id | None = Field(None, alias="from")
    to: Id


class TicketAssigned(Event):
    """A person has the ticket, `waited_seconds` after it was opened, and why. The first touch opens a new ticket as well.

    `expected_loss_minor` is the probability that the customer leaves, times what the customer is worth.
    """

    type: ClassVar[str] = "tickets.ticket.assigned.v1"
    state: TicketState
    strategy: Code
    waited_seconds: Count
    rule_id: Id | None = None
    reasons: list[AssignmentReason] = []
    expected_loss_minor: Amount | None = None


class TicketEscalated(Event):
    """Passed up, to `level`."""

    type: ClassVar[str] = "tickets.ticket.escalated.v1"
    state: TicketState
    level: Count
    reason: Code | None = None


class TicketFirstResponded(Event):
    """The customer has the first reply, `seconds_elapsed` after the case was opened."""

    type: ClassVar[str] = "tickets.ticket.first_responded.v1"
    state: TicketState
    seconds_elapsed: Count


class TicketResolved(Event):
    """The case is solved, `seconds_elapsed` after it was opened."""

    type: ClassVar[str] = "tickets.ticket.resolved.v1"
    state: TicketState
    seconds_elapsed: Count


class TicketReopened(Event):
    """It was not solved after all, `seconds_elapsed` after it was said to be."""

    type: ClassVar[str] = "tickets.ticket.reopened.v1"
    state: TicketState
    seconds_elapsed: Count


class TicketClosed(Event):
    """Nobody came back; `seconds_elapsed` since it was opened."""

    type: ClassVar[str] = "tickets.ticket.closed.v1"
    state: TicketState
    seconds_elapsed: Count


class TicketArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "tickets.ticket.archived.v1"
    state: TicketState


class TicketRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "tickets.ticket.restored.v1"
    state: TicketState


TICKET_EVENTS: tuple[type[Event], ...] = (
    TicketOpened,
    TicketUpdated,
    TicketStatusChanged,
    TicketPriorityChanged,
    TicketQueueChanged,
    TicketAssigned,
    TicketEscalated,
    TicketFirstResponded,
    TicketResolved,
    TicketReopened,
    TicketClosed,
    TicketArchived,
    TicketRestored,
)
