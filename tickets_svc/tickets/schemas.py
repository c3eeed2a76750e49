"""The wire shapes of tickets."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.contracts import Code, Instant, Label
from services.events import tickets as events
from services.events.tickets import TicketChannel, TicketPriority, TicketState, TicketType
from services.wire import ExternalIds, Input, ShortText, Tags, absent, distinct

MAX_ITEMS = 50


class TicketLink(events.TicketLink, Input):
    """Another ticket that this one has to do with, and how."""


class Complaint(events.Complaint, Input):
    """What a complaint weighs."""


class ComplaintPatch(Input):
    """What is known better of a complaint; the rest of it stays."""

    severity: int = Field(default_factory=absent, ge=1, le=4)
    root_cause: Code | None = None
    justified: bool | None = None
    demanded: Code | None = None


class ChecklistItem(events.ChecklistItem, Input):
    """One thing to do."""

    text: ShortText = Field(description="kept here; never part of an event")


def _numbered_once(items: list[ChecklistItem]) -> list[ChecklistItem]:
    if len({item.item_no for item in items}) < len(items):
        raise PydanticCustomError("item_twice", "A number stands here twice")
    return items


Watchers = Annotated[list[UUID], Field(max_length=MAX_ITEMS), AfterValidator(distinct)]
Links = Annotated[list[TicketLink], Field(max_length=MAX_ITEMS), AfterValidator(distinct)]
Checklist = Annotated[list[ChecklistItem], Field(max_length=MAX_ITEMS), AfterValidator(_numbered_once)]


class TicketCreate(Input):
    """A new ticket."""

    subject_line: ShortText = Field(description="kept here; never part of an event")
    type: TicketType = "question"
    priority: TicketPriority = "normal"
    channel: TicketChannel = "api"
    status_name: Label | None = None
    contact_id: UUID | None = Field(None, description="who asks; null for an unknown caller")
    organization_id: UUID | None = None
    queue_id: UUID | None = None
    opened_at: Instant | None = Field(None, description="default: now; may lie in the past")
    product_id: UUID | None = None
    order_id: UUID | None = None
    topic: Code | None = None
    tags: Tags = []
    watchers: Watchers = []
    parent_id: UUID | None = None
    links: Links = []
    checklist: Checklist = []
    complaint: Complaint | None = None
    external_ids: ExternalIds = []


class TicketPatch(Input):
    """What may be changed of a ticket without a verb. Lists replace the whole list."""

    subject_line: ShortText = Field(default_factory=absent)
    type: TicketType = Field(default_factory=absent)
    priority: TicketPriority = Field(default_factory=absent)
    channel: TicketChannel = Field(default_factory=absent)
    status_name: Label | None = None
    contact_id: UUID | None = None
    organization_id: UUID | None = None
    product_id: UUID | None = None
    order_id: UUID | None = None
    topic: Code | None = None
    tags: Tags = Field(default_factory=absent)
    watchers: Watchers = Field(default_factory=absent)
    parent_id: UUID | None = None
    links: Links = Field(default_factory=absent)
    checklist: Checklist = Field(default_factory=absent)
    complaint: ComplaintPatch | None = None
    external_ids: ExternalIds = Field(default_factory=absent)


class Moment(Input):
    """When it happened."""

    at: Instant | None = Field(None, description="default: now; may lie in the past, not before the ticket was opened")


class Assignment(Moment):
    """Who gets the ticket, and when."""

    assignee_id: UUID | None = Field(None, description="a user; default: who calls")


class Waiting(Moment):
    """For whom the ticket waits, and until when at most."""

    status: Literal["pending_customer", "pending_third_party", "on_hold"] = "pending_customer"
    until: Instant | None = Field(None, description="it goes on by itself then")


class Escalation(Moment):
    """How far up the ticket goes, and why."""

    level: int | None = Field(None, ge=1, le=9, strict=True, description="default: one above the present level")
    reason: Code | None = None


class Destination(Moment):
    """The queue into which the ticket goes; none: where the routing rules send it."""

    queue_id: UUID = Field(default_factory=absent)


class Watching(Input):
    """Who watches the ticket, or does no longer."""

    user_id: UUID | None = Field(None, description="default: who calls")
    watching: bool = True


class TicketRead(TicketState):
    """A ticket as its owner shows it."""

    version: int
    updated_at: datetime
    subject_line: str
    checklist: list[ChecklistItem] = []  # type: ignore[assignment]  # a list is invariant, but this one is only read
