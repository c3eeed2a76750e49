"""The wire shapes of suppressions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from services.events.campaigns import Channel, SuppressionState
from services.wire import Input

AnyAddress = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=320, pattern=r"^[^\s\x00]+@[^\s\x00]+$")]


class SuppressionCreate(Input):
    """An address that nothing is to be sent to. It is hashed at once and kept nowhere."""

    address: AnyAddress
    channel: Channel = "email"
    topic_id: UUID | None = Field(None, description="about this topic alone; default: about anything")
    reason: Literal["manual", "bounce", "complaint"] = "manual"


class SuppressionRead(SuppressionState):
    """A suppression as its owner shows it."""

    version: int
    updated_at: datetime
