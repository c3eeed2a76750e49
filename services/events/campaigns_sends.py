"""What became of each message of a campaign: it was sent, skipped or failed, and how its reader answered."""

from typing import ClassVar, Literal

from services.contracts import Amount, Code, Count, Event, Id, Instant, State
from services.events.campaigns import Arm, Channel, SkipReason


class SendState(State):
    """One recipient of one campaign: what was sent under which consent, or why nothing was.

    `code` is the mail server's answer to what it refused. `opens` and `clicks` count people; machines (previews, scanners) are apart.
    """

    campaign_id: Id
    contact_id: Id
    occurrence: Count
    channel: Channel
    arm: Arm
    status: Literal["sent", "skipped", "failed"]
    skip_reason: SkipReason | None = None
    code: Count | None = None
    consent_id: Id | None = None
    sender_id: Id | None = None
    template_id: Id | None = None
    cost_minor: Amount = 0
    lifecycle_then: Code | None = None
    sent_at: Instant | None = None
    opens: Count = 0
    clicks: Count = 0
    machine_hits: Count = 0


class SendSent(Event):
    """The message was taken by the mail server. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.send.sent.v1"
    state: SendState


class SendSkipped(Event):
    """Nothing was sent, and `skip_reason` says why. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.send.skipped.v1"
    state: SendState


class SendFailed(Event):
    """The mail server refused the message for good. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.send.failed.v1"
    state: SendState


class SendOpened(Event):
    """The message was looked at, perhaps by a machine (`machine_reason` says why we think so)."""

    type: ClassVar[str] = "campaigns.send.opened.v1"
    state: SendState
    machine: bool
    machine_reason: Code | None = None


class SendClicked(Event):
    """A link of the message was followed, perhaps by a machine; `link_id` tells the links of a message apart."""

    type: ClassVar[str] = "campaigns.send.clicked.v1"
    state: SendState
    machine: bool
    machine_reason: Code | None = None
    link_id: Code
