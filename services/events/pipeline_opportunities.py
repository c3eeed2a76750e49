"""What happens to opportunities. Their names and next steps are owner-held and in none of these."""

from typing import ClassVar, Literal

from services.contracts import Amount, Bps, Code, Contract, Count, Currency, Day, Event, ExternalId, Id, Instant, Number, State, Tag

OpportunityStatus = Literal["open", "won", "lost"]
ProbabilitySource = Literal["stage", "manual", "learned"]
Channel = Literal["direct", "indirect"]
Interval = Literal["week", "month", "quarter", "year"]
SplitKind = Literal["revenue", "overlay"]


class ContactRole(Contract):
    """Who plays which part in the sale."""

    contact_id: Id
    role: Code


class OpportunityLine(Contract):
    """What may be bought. `amount_minor` = quantity × unit price, less the discount, rounded half up."""

    product_id: Id
    quantity: Count
    unit_price_minor: Amount
    discount_bps: Bps = 0
    amount_minor: Amount


class Split(Contract):
    """A user's share of the sale; the revenue shares make 10,000 together, overlays stand beside them."""

    user_id: Id
    share_bps: Bps
    kind: SplitKind = "revenue"


class AssignmentReason(Contract):
    """Why this owner: a code, and the figure behind it where there is one."""

    code: Code
    number: Number | None = None


class OpportunityState(State):
    """The public state of an opportunity. Amounts stand in `currency`, which is fixed at its birth."""

    contact_id: Id | None = None
    opened_at: Instant
    contact_roles: list[ContactRole] = []
    pipeline_id: Id
    stage_id: Id
    stage_since: Instant
    status: OpportunityStatus
    currency: Currency
    amount_minor: Amount
    recurring_amount_minor: Amount | None = None
    recurring_interval: Interval | None = None
    probability_bps: Bps
    probability_source: ProbabilitySource
    expected_close_on: Day | None = None
    closed_at: Instant | None = None
    source: Code | None = None
    campaign_id: Id | None = None
    partner_id: Id | None = None
    channel: Channel
    competitor_ids: list[Id] = []
    reason_id: Id | None = None
    lines: list[OpportunityLine] = []
    splits: list[Split] = []
    owner_id: Id | None = None
    team_ids: list[Id] = []
    stalled_since: Instant | None = None
    tags: list[Tag] = []
    external_ids: list[ExternalId] = []


class OpportunityCreated(Event):
    """A sale is followed, from `stage_id` on; `lead_id` says which lead it grew out of."""

    type: ClassVar[str] = "pipeline.opportunity.created.v1"
    state: OpportunityState
    stage_id: Id
    lead_id: Id | None = None


class OpportunityUpdated(Event):
    """Fields changed, amount and expected day of closing among them; `changed` may name owner-held ones."""

    type: ClassVar[str] = "pipeline.opportunity.updated.v1"
    state: OpportunityState


class OpportunityStageChanged(Event):
    """It moved to another open stage. Where it was stalled, `resumed` follows as an event of its own."""

    type: ClassVar[str] = "pipeline.opportunity.stage_changed.v1"
    state: OpportunityState
    from_stage_id: Id
    to_stage_id: Id
    entered_from_at: Instant
    seconds_in_from: Count


class OpportunityWon(Event):
    """Closed as won; it is no longer stalled. `seconds_open` counts from `opened_at`."""

    type: ClassVar[str] = "pipeline.opportunity.won.v1"
    state: OpportunityState
    from_stage_id: Id
    reason_id: Id | None = None
    seconds_open: Count
    competitor_id: Id | None = None


class OpportunityLost(Event):
    """Closed as lost, always with a reason; it is no longer stalled."""

    type: ClassVar[str] = "pipeline.opportunity.lost.v1"
    state: OpportunityState
    from_stage_id: Id
    reason_id: Id
    seconds_open: Count
    competitor_id: Id | None = None


class OpportunityReopened(Event):
    """Closed no more: it is in an open stage again."""

    type: ClassVar[str] = "pipeline.opportunity.reopened.v1"
    state: OpportunityState
    to_stage_id: Id
    closed_as: Literal["won", "lost"]


class OpportunityStalled(Event):
    """Longer in its stage than the stage's rotting days."""

    type: ClassVar[str] = "pipeline.opportunity.stalled.v1"
    state: OpportunityState
    days_in_stage: Count


class OpportunityResumed(Event):
    """No longer stalled: it moved, or its stage allows more days by now. `days_in_stage` is of the stage that it is in."""

    type: ClassVar[str] = "pipeline.opportunity.resumed.v1"
    state: OpportunityState
    days_in_stage: Count


class OpportunityAssigned(Event):
    """A new owner, by hand or by the rule `rule_id`."""

    type: ClassVar[str] = "pipeline.opportunity.assigned.v1"
    state: OpportunityState
    from_owner_id: Id | None = None
    rule_id: Id | None = None
    reasons: list[AssignmentReason] = []


class OpportunityArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "pipeline.opportunity.archived.v1"
    state: OpportunityState


class OpportunityRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.opportunity.restored.v1"
    state: OpportunityState
