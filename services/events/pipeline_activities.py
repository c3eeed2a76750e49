"""What happens to activities: the work with customers, as it is planned and done. What people write of it stays with pipeline."""

from typing import ClassVar, Literal

from services.contracts import Code, Contract, Count, Event, ExternalId, Id, Instant, State

ActivityKind = Literal["task", "call", "meeting", "visit", "letter", "fax", "chat", "event_attendance", "commitment"]
ActivityStatus = Literal["planned", "in_progress", "done", "cancelled"]
Direction = Literal["inbound", "outbound", "none"]
InitiatedBy = Literal["company", "customer"]
Purpose = Literal["sale", "onboarding", "problem", "product_follow_up", "regular_contact", "idea", "other"]


class About(Contract):
    """The record that an activity is about, as events name it: its noun and its id."""

    type: Code
    id: Id


class ActivityState(State):
    """The public state of an activity. `contact_id` is the first of `contact_ids`; subject, outcome and notes are owner-held."""

    kind: ActivityKind
    status: ActivityStatus
    contact_id: Id | None = None
    contact_ids: list[Id] = []
    about: About | None = None
    owner_id: Id | None = None
    direction: Direction = "none"
    initiated_by: InitiatedBy = "company"
    purpose: Purpose = "other"
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    due_at: Instant | None = None
    started_at: Instant | None = None
    done_at: Instant | None = None
    overdue_since: Instant | None = None
    campaign_id: Id | None = None
    external_ids: list[ExternalId] = []


class ActivityPlanned(Event):
    """Work is to be done. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "pipeline.activity.planned.v1"
    state: ActivityState


class ActivityUpdated(Event):
    """Fields changed; `changed` may name owner-held ones, whose values stay with pipeline."""

    type: ClassVar[str] = "pipeline.activity.updated.v1"
    state: ActivityState


class ActivityRescheduled(Event):
    """Planned work has another time; it is no longer overdue."""

    type: ClassVar[str] = "pipeline.activity.rescheduled.v1"
    state: ActivityState


class ActivityStarted(Event):
    """The work began, at the event's time."""

    type: ClassVar[str] = "pipeline.activity.started.v1"
    state: ActivityState


class ActivityCompleted(Event):
    """The work was done, at the event's time, `seconds` after it began."""

    type: ClassVar[str] = "pipeline.activity.completed.v1"
    state: ActivityState
    seconds: Count


class ActivityCancelled(Event):
    """Planned work was called off."""

    type: ClassVar[str] = "pipeline.activity.cancelled.v1"
    state: ActivityState


class ActivityOverdue(Event):
    """Planned work was not begun by the time it was due; it is still planned. At most once for each time that it is given."""

    type: ClassVar[str] = "pipeline.activity.overdue.v1"
    state: ActivityState


class ActivityArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "pipeline.activity.archived.v1"
    state: ActivityState


class ActivityRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.activity.restored.v1"
    state: ActivityState
