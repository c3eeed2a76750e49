"""What campaigns are made of: senders, templates and audiences; whom they may not reach; and who unsubscribed."""

from typing import ClassVar, Literal

from services.contracts import (
    Amount,
    Code,
    Count,
    Currency,
    Event,
    FieldName,
    Id,
    Instant,
    KeyedHash,
    Label,
    Language,
    State,
)

Channel = Literal["email"]
SenderStatus = Literal["draft", "verified", "active", "blocked"]
TemplateStatus = Literal["draft", "published", "retired"]
AudienceStatus = Literal["draft", "ready", "archived"]
CampaignStatus = Literal["draft", "submitted", "approved", "scheduled", "running", "paused", "completed", "stopped"]
Arm = Literal["treatment", "holdout", "global_holdout"]
SuppressionReason = Literal["unsubscribe", "bounce", "complaint", "manual", "erasure"]
SkipReason = Literal[
    "no_consent",
    "suppressed",
    "capped",
    "holdout",
    "missing_variable",
    "duplicate_address",
    "invalid_address",
    "erased",
    "campaign_stopped",
]


class SenderState(State):
    """The public state of a sender; its addresses stay in campaigns. `per_minute` and `per_day` are the most messages that it sends."""

    name: Label
    domain: Code
    per_minute: Count | None = None
    per_day: Count | None = None
    cost_minor: Amount = 0
    currency: Currency | None = None
    status: SenderStatus


class SenderCreated(Event):
    """A sender was written down. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.sender.created.v1"
    state: SenderState


class SenderUpdated(Event):
    """Fields changed, or its first campaign made a verified sender active (`changed` names `status`)."""

    type: ClassVar[str] = "campaigns.sender.updated.v1"
    state: SenderState


class SenderVerified(Event):
    """Somebody who may say so has confirmed that we may send in its name."""

    type: ClassVar[str] = "campaigns.sender.verified.v1"
    state: SenderState


class SenderBlocked(Event):
    """Nothing is sent in its name any more."""

    type: ClassVar[str] = "campaigns.sender.blocked.v1"
    state: SenderState
    reason_code: Code | None = None


class SenderArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "campaigns.sender.archived.v1"
    state: SenderState


class SenderRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "campaigns.sender.restored.v1"
    state: SenderState


class TemplateState(State):
    """The public state of a template; its subject and bodies stay in campaigns.

    `variables` are the names that a campaign gives values to. A published template never changes: the next `revision` is a template of
    its own, which names the one that it `revises_id`.
    """

    name: Label
    channel: Channel
    language: Language | None = None
    variables: list[FieldName] = []
    revision: Count
    revises_id: Id | None = None
    status: TemplateStatus


class TemplateCreated(Event):
    """A template was written. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.template.created.v1"
    state: TemplateState


class TemplateUpdated(Event):
    """Fields changed (`changed` may name the texts, whose words stay with their owner), or it was `retired`."""

    type: ClassVar[str] = "campaigns.template.updated.v1"
    state: TemplateState


class TemplatePublished(Event):
    """Campaigns may send it; from now on it stays as it is."""

    type: ClassVar[str] = "campaigns.template.published.v1"
    state: TemplateState


class TemplateArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "campaigns.template.archived.v1"
    state: TemplateState


class TemplateRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "campaigns.template.restored.v1"
    state: TemplateState


class AudienceState(State):
    """The public state of an audience; its filters stay in campaigns. `size` is how many contacts were in it at `sized_at`."""

    name: Label
    size: Count | None = None
    sized_at: Instant | None = None
    status: AudienceStatus


class AudienceCreated(Event):
    """An audience was described. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.audience.created.v1"
    state: AudienceState


class AudienceUpdated(Event):
    """Fields changed, or it was found `ready`."""

    type: ClassVar[str] = "campaigns.audience.updated.v1"
    state: AudienceState


class AudienceArchived(Event):
    """Hidden from lists; no campaign may begin with it."""

    type: ClassVar[str] = "campaigns.audience.archived.v1"
    state: AudienceState


class AudienceRestored(Event):
    """Back in lists, as a draft."""

    type: ClassVar[str] = "campaigns.audience.restored.v1"
    state: AudienceState


class SuppressionState(State):
    """An address, known by its keyed hash alone, that nothing is sent to: at all, or about one topic."""

    channel: Channel
    scope: Literal["tenant", "topic"]
    topic_id: Id | None = None
    reason: SuppressionReason
    address_hash: KeyedHash
    status: Literal["active", "lifted"]


class SuppressionAdded(Event):
    """An address is barred. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "campaigns.suppression.added.v1"
    state: SuppressionState


class SuppressionLifted(Event):
    """The address is no longer barred by this; a consent is still needed."""

    type: ClassVar[str] = "campaigns.suppression.lifted.v1"
    state: SuppressionState


class SubscriptionState(State):
    """Who no longer wants to hear of us, through which channel: of everything, or of one topic."""

    contact_id: Id
    channel: Channel
    purpose: Code
    topic_id: Id | None = None
    campaign_id: Id | None = None


class SubscriptionUnsubscribed(Event):
    """The contact unsubscribed by the link of a mail. The address is barred here already; the consent follows in contacts."""

    type: ClassVar[str] = "campaigns.subscription.unsubscribed.v1"
    state: SubscriptionState
