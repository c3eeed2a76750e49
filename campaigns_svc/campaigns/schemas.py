"""The wire shapes of campaigns."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from services.contracts import Code, Instant, nfc
from services.events.campaigns import Channel
from services.events.campaigns_course import CampaignState
from services.wire import NO_NUL, Input, ShortText

VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Value = Annotated[str, StringConstraints(max_length=2_000, pattern=NO_NUL), AfterValidator(nfc)]
Variables = Annotated[dict[VariableName, Value], Field(max_length=50)]
Few = Annotated[int, Field(strict=True, ge=1, le=1_000)]
PerMinute = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
HoldoutShare = Annotated[int, Field(strict=True, ge=0, le=9_000)]


class GoalWrite(Input):
    """What the campaign is for."""

    event_type: Literal["pipeline.order.placed.v1"] = "pipeline.order.placed.v1"
    window_days: Annotated[int, Field(strict=True, ge=1, le=365)] = 14


class CampaignCreate(Input):
    """A new campaign: a draft, which may lack what sending takes."""

    name: ShortText
    kind: Literal["one_off"] = "one_off"
    channel: Channel = "email"
    purpose: Code = Field(description="the purpose that a contact must have consented to")
    topic_id: UUID | None = None
    audience_id: UUID | None = None
    template_id: UUID | None = None
    sender_id: UUID | None = None
    variables: Variables = Field({}, description="values for the variables of the template; never part of an event")
    goal: GoalWrite = GoalWrite()
    send_at: Instant | None = None
    throttle_per_minute: PerMinute | None = None
    cap_sends: Few | None = Field(None, description="the most messages to a contact within `cap_days`, of all campaigns together")
    cap_days: Few | None = None
    holdout_bps: HoldoutShare = Field(0, description="the share of the audience that is left alone, in basis points")
    is_test: bool = False


class CampaignPatch(Input):
    """What may be changed of a draft."""

    name: ShortText = ""
    purpose: Code = ""
    topic_id: UUID | None = None
    audience_id: UUID | None = None
    template_id: UUID | None = None
    sender_id: UUID | None = None
    variables: dict[VariableName, Value | None] = Field({}, max_length=50)
    goal: GoalWrite = GoalWrite()
    send_at: Instant | None = None
    throttle_per_minute: PerMinute | None = None
    cap_sends: Few | None = None
    cap_days: Few | None = None
    holdout_bps: HoldoutShare = 0
    is_test: bool = False


class Reason(Input):
    """Why."""

    reason_code: Code | None = None


class Schedule(Input):
    """When to begin."""

    send_at: Instant | None = Field(None, description="default: the campaign's own `send_at`, or now")


class CampaignRead(CampaignState):
    """A campaign as its owner shows it."""

    version: int
    updated_at: datetime
    variables: dict[str, str]
