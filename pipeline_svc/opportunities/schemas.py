"""The wire shapes of opportunities."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from pipeline_svc.orders.schemas import Description, KnownCurrency, Minor, Moment, Quantity
from services.contracts import Bps, Code, Instant, Number
from services.events.pipeline_opportunities import Channel, Interval, OpportunityState, SplitKind
from services.wire import ExternalIds, Input, Output, ShortText, Tags, absent, distinct

MOST_AT_ONCE = 500


Ids = Annotated[list[UUID], Field(max_length=50), AfterValidator(distinct)]


class ContactRoleWrite(Input):
    """Who plays which part in the sale."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    contact_id: UUID
    role: Code


class SplitWrite(Input):
    """A user's share of the sale."""

    user_id: UUID
    share_bps: Bps
    kind: SplitKind = "revenue"


class AssignmentReasonWrite(Input):
    """Why this owner: a code, and the figure behind it as a decimal text where there is one."""

    code: Code
    number: Number | None = None


ContactRoles = Annotated[list[ContactRoleWrite], Field(max_length=50), AfterValidator(distinct)]
Splits = Annotated[list[SplitWrite], Field(max_length=50)]


class OpportunityLineWrite(Input):
    """What may be bought; its amount is worked out."""

    product_id: UUID
    quantity: Quantity = 1
    unit_price_minor: Minor
    discount_bps: Bps = 0


Lines = Annotated[list[OpportunityLineWrite], Field(max_length=200)]


class OpportunityPatch(Input):
    """What may be changed of an opportunity by hand; stage, owner and status change by verbs."""

    name: ShortText = Field("", description="kept here; never part of an event")
    contact_id: UUID | None = Field(None, description="the customer")
    contact_roles: ContactRoles = []
    amount_minor: Minor = Field(0, description="worked out where there are lines")
    recurring_amount_minor: Minor | None = None
    recurring_interval: Interval | None = None
    probability_bps: Bps | None = Field(None, description="null: that of the stage")
    expected_close_on: date | None = None
    next_step: Description | None = Field(None, description="kept here; never part of an event")
    source: Code | None = None
    campaign_id: UUID | None = None
    partner_id: UUID | None = None
    channel: Channel = "direct"
    competitor_ids: Ids = []
    lines: Lines = []
    splits: Splits = Field([], description="revenue shares sum to 10,000")
    team_ids: Ids = []
    tags: Tags = []
    external_ids: ExternalIds = []


class OpportunityCreate(OpportunityPatch):
    """A new opportunity, open in a stage of a pipeline."""

    name: ShortText = Field(description="kept here; never part of an event")
    pipeline_id: UUID
    stage_id: UUID | None = Field(None, description="an open stage; default: the first")
    opened_at: Instant | None = Field(None, description="default: now; may lie in the past")
    currency: KnownCurrency | None = Field(None, description="default: that of the pipeline; fixed")
    owner_id: UUID | None = None


class Move(Moment):
    """To which open stage, and when."""

    stage_id: UUID


class Win(Moment):
    """How it was won."""

    stage_id: UUID | None = Field(None, description="default: the first stage of the kind won")
    reason_id: UUID | None = Field(None, description="a reason of the kind won")
    competitor_id: UUID | None = None


class Lose(Moment):
    """How it was lost."""

    stage_id: UUID | None = Field(None, description="default: the first stage of the kind lost")
    reason_id: UUID = Field(description="a reason of the kind lost")
    competitor_id: UUID | None = None


class Reopen(Moment):
    """In which open stage it goes on."""

    stage_id: UUID


class Assign(Input):
    """Who follows it from now on, and why."""

    owner_id: UUID = Field(default_factory=absent, description="default: whom the active assignment rules name")
    reasons: Annotated[list[AssignmentReasonWrite], Field(max_length=20)] = []


class MoveOne(Move):
    """One of many moves."""

    id: UUID


class WinOne(Win):
    """One of many wins."""

    id: UUID


class LoseOne(Lose):
    """One of many losses."""

    id: UUID


class Moves(Input):
    """Opportunities to move, each once."""

    items: Annotated[list[MoveOne], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Wins(Input):
    """Opportunities that were won, each once."""

    items: Annotated[list[WinOne], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Losses(Input):
    """Opportunities that were lost, each once."""

    items: Annotated[list[LoseOne], Field(min_length=1, max_length=MOST_AT_ONCE)]


class OpportunityRead(OpportunityState):
    """An opportunity as its owner shows it."""

    version: int
    updated_at: datetime
    name: str
    next_step: str | None


class StageStay(Output):
    """A stay in a stage. `seconds` run on in the open stage where it is now, and are null in a stage that is an end."""

    from_stage_id: UUID | None
    to_stage_id: UUID
    entered_at: datetime
    left_at: datetime | None
    seconds: int | None


class StageHistory(Output):
    """The stays of an opportunity in their order."""

    items: list[StageStay]
