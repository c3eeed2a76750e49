"""The wire shapes of queues."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.contracts import Label
from services.events.tickets_desk import PullOrder, QueueState
from services.wire import ExternalIds, Input, absent

MINUTES_OF_A_YEAR = 525_600
Tier = Annotated[int, Field(strict=True, ge=0, le=100)]
Minutes = Annotated[int, Field(strict=True, ge=1, le=MINUTES_OF_A_YEAR)]
Teams = Annotated[list[UUID], Field(max_length=50)]


class QueueCreate(Input):
    """A new queue."""

    name: Label
    tier: Tier | None = None
    team_ids: Teams = []
    pull_by: PullOrder = "priority"
    fairness_floor_minutes: Minutes | None = Field(None, description="a case that waited longer comes first, whatever it is worth")
    external_ids: ExternalIds = []


class QueuePatch(Input):
    """What may be changed of a queue."""

    name: Label = Field(default_factory=absent)
    tier: Tier | None = None
    team_ids: Teams = Field(default_factory=absent)
    pull_by: PullOrder = Field(default_factory=absent)
    fairness_floor_minutes: Minutes | None = None
    external_ids: ExternalIds = Field(default_factory=absent)


class QueueRead(QueueState):
    """A queue as its owner shows it."""

    version: int
    updated_at: datetime
