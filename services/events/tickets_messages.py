"""What is said under a ticket. The words, and who is written to at which address, stay with the tickets service."""

from typing import ClassVar, Literal

from services.contracts import Count, Event, Id, Instant, State
from services.events.tickets import TicketChannel

MessageKind = Literal["public", "internal"]
Direction = Literal["in", "out", "none"]
MessageStatus = Literal["noted", "queued", "sent", "bounced", "threaded", "held", "discarded"]


class MessageState(State):
    """The public state of a message: a note among the staff, a reply, or what came in. `ticket_id` is null while it is held."""

    ticket_id: Id | None = None
    contact_id: Id | None = None
    kind: MessageKind
    direction: Direction
    channel: TicketChannel
    author_id: Id | None = None
    status: MessageStatus
    happened_at: Instant
    bytes: Count
    auto_reply: bool = False


class MessageCreated(Event):
    """A note was written, or a reply that waits for the mail server. Emitted once, first."""

    type: ClassVar[str] = "tickets.message.created.v1"
    state: MessageState


class MessageSent(Event):
    """A reply went out: at once, or when the mail server took it."""

    type: ClassVar[str] = "tickets.message.sent.v1"
    state: MessageState


MESSAGE_EVENTS: tuple[type[Event], ...] = (MessageCreated, MessageSent)
