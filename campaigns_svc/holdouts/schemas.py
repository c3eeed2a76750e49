"""The wire shapes of holdouts."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.contracts import Code
from services.events.campaigns_course import HoldoutState
from services.wire import Input

Share = Annotated[int, Field(strict=True, ge=1, le=9_000)]


class HoldoutCreate(Input):
    """A share of all contacts that is left alone by one campaign, or (`global`) by all."""

    scope: Literal["global", "campaign"] = "global"
    campaign_id: UUID | None = Field(None, description="of the scope campaign alone")
    share_bps: Share
    salt: Code | None = Field(None, description="default: drawn; the same salt picks the same contacts")
    from_on: date | None = Field(None, description="default: today in the tenant's zone")
    until_on: date | None = None

    @model_validator(mode="after")
    def _sound(self) -> "HoldoutCreate":
        if (self.scope == "campaign") != (self.campaign_id is not None):
            raise PydanticCustomError("campaign_id", "A holdout of the scope campaign names its campaign, a global one none")
        return self


class HoldoutPatch(Input):
    """What may be changed of a holdout: until when it holds. Another share or salt would be another experiment."""

    until_on: date | None = None


class HoldoutRead(HoldoutState):
    """A holdout as its owner shows it."""

    version: int
    updated_at: datetime
