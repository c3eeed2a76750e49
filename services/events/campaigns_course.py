"""What happens to campaigns, from the draft to the last recipient, and to the shares of contacts that they leave alone."""

from typing import ClassVar, Literal

from services.contracts import Bps, Code, Contract, Count, Day, Event, Id, Instant, Label, State
from services.events.campaigns import CampaignStatus, Channel


class HoldoutState(State):
    """The public state of a holdout: the share of all contacts that `salt` picks is left alone, by one campaign or by all."""

    scope: Literal["global", "campaign"]
    campaign_id: Id | None = None
    share_bps: Bps
    salt: Code
    from_on: Day
    until_on: Day | None = None
    status: Literal["active", "ended"]


class HoldoutCreated(Event):
    """A share of the contacts is to be left alone. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.holdout.created.v1"
    state: HoldoutState


class HoldoutUpdated(Event):
    """Fields changed, or it `ended`."""

    type: ClassVar[str] = "campaigns.holdout.updated.v1"
    state: HoldoutState


class HoldoutArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "campaigns.holdout.archived.v1"
    state: HoldoutState


class HoldoutRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "campaigns.holdout.restored.v1"
    state: HoldoutState


class Goal(Contract):
    """What a campaign is for: an order within `window_days` of its start."""

    event_type: Literal["pipeline.order.placed.v1"] = "pipeline.order.placed.v1"
    window_days: Count


class Counts(Contract):
    """How many recipients stand where. `unknown` are those of whom nobody can say whether their message went out."""

    planned: Count = 0
    claimed: Count = 0
    unknown: Count = 0
    sent: Count = 0
    skipped: Count = 0
    failed: Count = 0


class CampaignState(State):
    """The public state of a campaign; the values that it gives to a template's variables stay in campaigns.

    `cap_sends` is the most messages that a contact gets within `cap_days`, of all campaigns together.
    """

    name: Label
    kind: Literal["one_off"]
    channel: Channel
    purpose: Code
    topic_id: Id | None = None
    audience_id: Id | None = None
    template_id: Id | None = None
    sender_id: Id | None = None
    goal: Goal
    send_at: Instant | None = None
    throttle_per_minute: Count | None = None
    cap_sends: Count | None = None
    cap_days: Count | None = None
    holdout_bps: Bps
    salt: Code
    is_test: bool = False
    status: CampaignStatus
    approved_by: Id | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None


class CampaignCreated(Event):
    """A campaign was drafted. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.campaign.created.v1"
    state: CampaignState


class CampaignUpdated(Event):
    """Fields of the draft changed."""

    type: ClassVar[str] = "campaigns.campaign.updated.v1"
    state: CampaignState


class CampaignSubmitted(Event):
    """It is complete and waits for approval."""

    type: ClassVar[str] = "campaigns.campaign.submitted.v1"
    state: CampaignState


class CampaignApproved(Event):
    """Somebody (`approved_by`) allows it."""

    type: ClassVar[str] = "campaigns.campaign.approved.v1"
    state: CampaignState


class CampaignRejected(Event):
    """It is a draft again."""

    type: ClassVar[str] = "campaigns.campaign.rejected.v1"
    state: CampaignState
    reason_code: Code | None = None


class CampaignScheduled(Event):
    """It will begin at `send_at`."""

    type: ClassVar[str] = "campaigns.campaign.scheduled.v1"
    state: CampaignState


class CampaignStarted(Event):
    """Its recipients are fixed, and sending begins."""

    type: ClassVar[str] = "campaigns.campaign.started.v1"
    state: CampaignState
    counts: Counts


class CampaignPaused(Event):
    """Nothing is sent until it is resumed."""

    type: ClassVar[str] = "campaigns.campaign.paused.v1"
    state: CampaignState
    reason_code: Code | None = None


class CampaignResumed(Event):
    """Sending goes on."""

    type: ClassVar[str] = "campaigns.campaign.resumed.v1"
    state: CampaignState


class CampaignCompleted(Event):
    """Nobody is left to be sent to."""

    type: ClassVar[str] = "campaigns.campaign.completed.v1"
    state: CampaignState
    counts: Counts


class CampaignStopped(Event):
    """It was called off; who was not sent to yet is skipped."""

    type: ClassVar[str] = "campaigns.campaign.stopped.v1"
    state: CampaignState
    reason_code: Code | None = None


class CampaignArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "campaigns.campaign.archived.v1"
    state: CampaignState


class CampaignRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "campaigns.campaign.restored.v1"
    state: CampaignState
