"""What happens to a thing."""

from typing import ClassVar, Literal

from services.contracts import Amount, Event, ExternalId, Label, State


class ThingState(State):
    """The public state of a thing."""

    label: Label
    amount_minor: Amount
    status: Literal["new", "used"]
    external_ids: list[ExternalId] = []


class ThingCreated(Event):
    """A thing is there. Emitted once, first."""

    type: ClassVar[str] = "demo.thing.created.v1"
    state: ThingState


class ThingUpdated(Event):
    """Fields changed."""

    type: ClassVar[str] = "demo.thing.updated.v1"
    state: ThingState


class ThingUsed(Event):
    """The thing was put to use."""

    type: ClassVar[str] = "demo.thing.used.v1"
    state: ThingState
    by_amount_minor: Amount


class ThingArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "demo.thing.archived.v1"
    state: ThingState


class ThingRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "demo.thing.restored.v1"
    state: ThingState
