"""What is said under a ticket. The words, and who is written to at which address, stay with the tickets service."""

from typing import ClassVar, Literal

from services.contracts import Count, Event, ExternalId, Id, Instant, Label, State
from services.events.tickets import TicketChannel
from services.events.tickets_desk import DeskStatus

MessageKind = Literal["public", "internal"]
Direction = Literal["in", "out", "none"]
HeldReason = Literal["no_thread", "stranger"]
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
    mailbox_id: Id | None = None
    held_reason: HeldReason | None = None


class MessageCreated(Event):
    """A note was written, or a reply that waits for the mail server. Emitted once, first."""

    type: ClassVar[str] = "tickets.message.created.v1"
    state: MessageState


class MessageSent(Event):
    """A reply went out: at once, or when the mail server took it."""

    type: ClassVar[str] = "tickets.message.sent.v1"
    state: MessageState


class MessageBounced(Event):
    """A reply will never arrive: the mail server refused it with `code` (0: nobody knows an address of the customer)."""

    type: ClassVar[str] = "tickets.message.bounced.v1"
    state: MessageState
    code: Count


class MessageReceived(Event):
    """A mail came in and joined its ticket. Emitted once, first."""

    type: ClassVar[str] = "tickets.message.received.v1"
    state: MessageState


class MessageHeld(Event):
    """A mail came in that may not join a ticket by itself. Emitted once, first."""

    type: ClassVar[str] = "tickets.message.held.v1"
    state: MessageState


class MessageReleased(Event):
    """Somebody let a held mail join a ticket."""

    type: ClassVar[str] = "tickets.message.released.v1"
    state: MessageState


class MessageDiscarded(Event):
    """Somebody put a held mail aside for good."""

    type: ClassVar[str] = "tickets.message.discarded.v1"
    state: MessageState


class MailboxState(State):
    """The public state of a mailbox; its address stays with its owner."""

    name: Label
    queue_id: Id | None = None
    status: DeskStatus
    external_ids: list[ExternalId] = []


class MailboxCreated(Event):
    """We can be written to under another address. Emitted once, first."""

    type: ClassVar[str] = "tickets.mailbox.created.v1"
    state: MailboxState


class MailboxChanged(Event):
    """Fields changed, or the mailbox was retired."""

    type: ClassVar[str] = "tickets.mailbox.changed.v1"
    state: MailboxState


class MailboxArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "tickets.mailbox.archived.v1"
    state: MailboxState


class MailboxRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "tickets.mailbox.restored.v1"
    state: MailboxState


MESSAGE_EVENTS: tuple[type[Event], ...] = (
    MessageCreated,
    MessageSent,
    MessageBounced,
    MessageReceived,
    MessageHeld,
    MessageReleased,
    MessageDiscarded,
    MailboxCreated,
    MailboxChanged,
    MailboxArchived,
    MailboxRestored,
)
