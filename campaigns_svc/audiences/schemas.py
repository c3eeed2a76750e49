"""The wire shapes of audiences."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from services.contracts import nfc
from services.events.campaigns import AudienceState
from services.wire import NO_NUL, Input, Output, ShortText

FilterText = Annotated[str, StringConstraints(max_length=2_048, pattern=NO_NUL), AfterValidator(nfc)]
Include = Annotated[list[FilterText], Field(min_length=1, max_length=20)]
Exclude = Annotated[list[FilterText], Field(max_length=20)]


class AudienceCreate(Input):
    """A new audience: every contact that one of `include` lets through and none of `exclude` (docs/filter-language.md).

    Filters ask for what is known of contacts: lifecycle, consents, tier, lifetime_value_minor, churn_bps, value_at_risk_minor,
    owner_id, country, language, kind. An empty filter lets everybody through.
    """

    name: ShortText
    include: Include = Field(description="never part of an event")
    exclude: Exclude = Field([], description="never part of an event")


class AudiencePatch(Input):
    """What may be changed of a draft."""

    name: ShortText = ""
    include: Include = []
    exclude: Exclude = []


class Preview(Output):
    """Who is in an audience."""

    size: int
    sample: list[UUID]
    at: datetime


class AudienceRead(AudienceState):
    """An audience as its owner shows it."""

    version: int
    updated_at: datetime
    include: list[str]
    exclude: list[str]
