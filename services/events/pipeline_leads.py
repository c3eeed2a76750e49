"""What happens to leads. What somebody is interested in, in words, stays with pipeline."""

from typing import ClassVar, Literal

from services.contracts import Amount, Bps, Count, Currency, Event, ExternalId, Id, Instant, State
from services.events.pipeline_opportunities import AssignmentReason

LeadStatus = Literal["new", "working", "qualified", "converted", "disqualified", "recycled"]
LeadSource = Literal["mailing_answer", "brochure_request", "quote_request", "trade_fair", "web_form", "referral", "call", "import", "other"]


class LeadState(State):
    """The public state of a lead. `score_bps` is how likely it becomes a sale; `interest` is owner-held."""

    contact_id: Id
    organization_id: Id | None = None
    source: LeadSource
    form_submission_id: Id | None = None
    campaign_id: Id | None = None
    owner_id: Id | None = None
    expected_amount_minor: Amount | None = None
    currency: Currency | None = None
    score_bps: Bps | None = None
    status: LeadStatus
    opened_at: Instant
    first_response_at: Instant | None = None
    disqualify_reason_id: Id | None = None
    opportunity_id: Id | None = None
    external_ids: list[ExternalId] = []


class LeadOpened(Event):
    """Somebody may buy. Emitted once, first; `rule_id` and `reasons` say why it is whose it is, where a rule was asked."""

    type: ClassVar[str] = "pipeline.lead.opened.v1"
    state: LeadState
    source: LeadSource
    form_submission_id: Id | None = None
    campaign_id: Id | None = None
    rule_id: Id | None = None
    reasons: list[AssignmentReason] = []


class LeadUpdated(Event):
    """Fields changed; `changed` may name owner-held ones."""

    type: ClassVar[str] = "pipeline.lead.updated.v1"
    state: LeadState


class LeadAssigned(Event):
    """A new owner, by hand or by the rule `rule_id`."""

    type: ClassVar[str] = "pipeline.lead.assigned.v1"
    state: LeadState
    from_owner_id: Id | None = None
    rule_id: Id | None = None
    reasons: list[AssignmentReason] = []


class LeadStarted(Event):
    """Somebody works on it; the first time `seconds_to_first_response` says how long after it was opened."""

    type: ClassVar[str] = "pipeline.lead.started.v1"
    state: LeadState
    seconds_to_first_response: Count | None = None


class LeadQualified(Event):
    """It is worth an opportunity."""

    type: ClassVar[str] = "pipeline.lead.qualified.v1"
    state: LeadState


class LeadConverted(Event):
    """It became an opportunity, whose birth is written in the same transaction. Emitted once, last but for fields that change after it."""

    type: ClassVar[str] = "pipeline.lead.converted.v1"
    state: LeadState
    opportunity_id: Id


class LeadDisqualified(Event):
    """It is not worth following, perhaps for a named reason."""

    type: ClassVar[str] = "pipeline.lead.disqualified.v1"
    state: LeadState
    reason_id: Id | None = None


class LeadRecycled(Event):
    """It may be worked on again."""

    type: ClassVar[str] = "pipeline.lead.recycled.v1"
    state: LeadState


class LeadArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "pipeline.lead.archived.v1"
    state: LeadState


class LeadRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.lead.restored.v1"
    state: LeadState
