"""The wire shapes of activities."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.contracts import Instant
from services.events.pipeline_activities import About, ActivityKind, ActivityState, Direction, InitiatedBy, Purpose
from services.wire import Input, LongText, ShortText, absent, distinct

MAX_CONTACTS = 50


ContactIds = Annotated[list[UUID], Field(max_length=MAX_CONTACTS), AfterValidator(distinct)]


class Times(Input):
    """When work is to be done: from `starts_at` to `ends_at`, or by `due_at`."""

    starts_at: Instant | None = None
    ends_at: Instant | None = None
    due_at: Instant | None = None


class ActivityCreate(Times):
    """A new activity; it is born planned."""

    kind: ActivityKind
    subject: ShortText = Field(description="kept here; never part of an event")
    notes: LongText | None = Field(None, description="kept here; never part of an event")
    contact_ids: ContactIds = []
    about: About | None = None
    owner_id: UUID | None = None
    direction: Direction = "none"
    initiated_by: InitiatedBy = "company"
    purpose: Purpose = "other"
    campaign_id: UUID | None = None


class ActivityPatch(Input):
    """What may be changed of an activity; its times are changed by the verb reschedule."""

    kind: ActivityKind = Field(default_factory=absent)
    subject: ShortText = Field(default_factory=absent)
    outcome: LongText | None = None
    notes: LongText | None = None
    contact_ids: ContactIds = Field(default_factory=absent)
    about: About | None = None
    owner_id: UUID | None = None
    direction: Direction = Field(default_factory=absent)
    initiated_by: InitiatedBy = Field(default_factory=absent)
    purpose: Purpose = Field(default_factory=absent)
    campaign_id: UUID | None = None


class Moment(Input):
    """When it happened."""

    at: Instant | None = Field(None, description="default: now; may lie in the past")


class Completion(Moment):
    """When the work was done, and what came of it."""

    outcome: LongText | None = Field(None, description="kept here; never part of an event")
    notes: LongText | None = Field(None, description="default: the notes as they are")


class ScheduleQuery(BaseModel):
    """Whose open work is asked for, and of which time."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    owner: UUID | None = Field(None, description="default: who asks")
    from_: Instant | None = Field(None, alias="from", description="default: now")
    to: Instant | None = Field(None, description="default: seven days after `from`")
    page_size: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=1024)


class ActivityRead(ActivityState):
    """An activity as its owner shows it."""

    version: int
    updated_at: datetime
    subject: str
    outcome: str | None
    notes: str | None
