"""The wire shapes of pipelines and their stages."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline_svc.orders.schemas import KnownCurrency
from services.contracts import Bps, Code, Label
from services.events.pipeline_catalogue import PipelineState, StageKind
from services.wire import ExternalIds, Input, distinct

GatedField = Literal[
    "contact_id",
    "owner_id",
    "amount_minor",
    "recurring_amount_minor",
    "expected_close_on",
    "next_step",
    "source",
    "campaign_id",
    "partner_id",
    "channel",
    "competitor_ids",
    "contact_roles",
    "lines",
    "splits",
    "tags",
]
"""What a gate may ask of an opportunity: that the field is not empty (and no amount 0)."""


class StageWrite(Input):
    """A stage; `key` says which it is when the list is written again."""

    key: Code
    name: Label
    kind: StageKind = "open"
    probability_bps: Bps | None = Field(None, description="needed where the kind is open; 10000 where won, 0 where lost")
    required_fields: Annotated[list[GatedField], Field(max_length=20), AfterValidator(distinct)] = []
    rotting_days: Annotated[int, Field(ge=1, le=3_650)] | None = Field(None, description="of an open stage: longer in it is stalled")
    allowed_roles: Annotated[list[Code], Field(max_length=50), AfterValidator(distinct)] = Field(
        [], description="whose roles may bring an opportunity here; empty: everybody's"
    )


Stages = Annotated[list[StageWrite], Field(min_length=3, max_length=50)]


class PipelineCreate(Input):
    """A new pipeline with its stages in order: at least one each of the kinds open, won and lost."""

    name: Label
    currency: KnownCurrency
    stages: Stages
    external_ids: ExternalIds = []


class PipelinePatch(Input):
    """What may be changed of a pipeline beside its stages."""

    name: Label = ""
    currency: KnownCurrency = Field("", description="of opportunities opened from now on")
    external_ids: ExternalIds = []


class StageList(Input):
    """All stages in their order. One that is left out is retired; one that comes back is the stage it was."""

    stages: Stages


class PipelineRead(PipelineState):
    """A pipeline."""

    version: int
    updated_at: datetime
