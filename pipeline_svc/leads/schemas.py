"""The wire shapes of leads."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline_svc.opportunities.schemas import OpportunityRead
from pipeline_svc.orders.schemas import KnownCurrency, Minor, Moment
from services.contracts import Bps, Instant
from services.events.pipeline_leads import LeadSource, LeadState
from services.wire import ExternalIds, Input, LongText, Output, ShortText, absent


class LeadPatch(Input):
    """What may be changed of a lead; its status and its owner are changed by verbs."""

    contact_id: UUID = Field(default_factory=absent)
    organization_id: UUID | None = None
    source: LeadSource = Field(default_factory=absent)
    form_submission_id: UUID | None = None
    campaign_id: UUID | None = None
    interest: LongText | None = Field(None, description="kept here; never part of an event")
    expected_amount_minor: Minor | None = None
    currency: KnownCurrency | None = Field(None, description="of expected_amount_minor")
    score_bps: Bps | None = Field(None, description="how likely it becomes a sale")
    external_ids: ExternalIds = Field(default_factory=list)


class LeadCreate(LeadPatch):
    """A new lead. Without an owner the active assignment rules give it one."""

    contact_id: UUID
    source: LeadSource
    owner_id: UUID | None = None
    opened_at: Instant | None = Field(None, description="default: now; may lie in the past")

    @model_validator(mode="after")
    def _sound(self) -> "LeadCreate":
        if self.expected_amount_minor is not None and self.currency is None:
            raise PydanticCustomError("missing", "expected_amount_minor needs a currency")
        return self


class Disqualification(Moment):
    """When it turned out not to be worth following, and why."""

    reason_id: UUID | None = Field(None, description="a reason of the kind disqualified")


class Conversion(Input):
    """The opportunity that a lead becomes; its customer, owner, campaign and source are those of the lead."""

    name: ShortText | None = Field(None, description="kept here; never part of an event; default: the beginning of the lead's interest")
    pipeline_id: UUID | None = Field(None, description="default: the only active one")
    stage_id: UUID | None = Field(None, description="an open stage; default: the first")
    amount_minor: Minor | None = Field(None, description="default: the lead's expected amount")
    currency: KnownCurrency | None = Field(None, description="default: the lead's, or else the pipeline's")
    expected_close_on: date | None = None


class Assign(Input):
    """Whose it is from now on."""

    owner_id: UUID | None = Field(None, description="default: whom the active assignment rules name")


class LeadRead(LeadState):
    """A lead as its owner shows it."""

    version: int
    updated_at: datetime
    interest: str | None


class ConversionRead(Output):
    """What a lead became."""

    contact_id: UUID
    lead: LeadRead
    opportunity: OpportunityRead
