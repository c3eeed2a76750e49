"""How the desk is set up: the queues in which tickets wait, and the agents who take them."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from services.contracts import Code, Contract, Count, Event, ExternalId, Id, Label, Language, State

Presence = Literal["available", "busy", "away", "offline"]
PullOrder = Literal["priority", "expected_loss"]
DeskStatus = Literal["active", "retired"]


class QueueState(State):
    """The public state of a queue. `pull_by` says which case comes next; one older than the floor comes first in any case."""

    name: Label
    tier: Count | None = None
    team_ids: list[Id] = []
    pull_by: PullOrder = "priority"
    fairness_floor_minutes: Count | None = None
    status: DeskStatus
    external_ids: list[ExternalId] = []


class QueueCreated(Event):
    """A queue is there. Emitted once, first."""

    type: ClassVar[str] = "tickets.queue.created.v1"
    state: QueueState


class QueueChanged(Event):
    """Fields changed, or the queue was retired."""

    type: ClassVar[str] = "tickets.queue.changed.v1"
    state: QueueState


class QueueArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "tickets.queue.archived.v1"
    state: QueueState


class QueueRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "tickets.queue.restored.v1"
    state: QueueState


class Skill(Contract):
    """What somebody can do, and how well, from 1 (has learnt it) to 5 (teaches it)."""

    key: Code
    level: Annotated[int, Field(ge=1, le=5)]


class AgentState(State):
    """The public state of an agent: a user who takes cases, at most `capacity` at a time."""

    user_id: Id
    skills: list[Skill] = []
    languages: list[Language] = []
    capacity: Count
    status: DeskStatus
    external_ids: list[ExternalId] = []


class AgentCreated(Event):
    """A user takes cases from now on. Emitted once, first."""

    type: ClassVar[str] = "tickets.agent.created.v1"
    state: AgentState


class AgentUpdated(Event):
    """Fields changed, or the agent was retired."""

    type: ClassVar[str] = "tickets.agent.updated.v1"
    state: AgentState


class AgentArchived(Event):
    """Hidden from lists."""

    type: ClassVar[str] = "tickets.agent.archived.v1"
    state: AgentState


class AgentRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "tickets.agent.restored.v1"
    state: AgentState


class PresenceState(State):
    """One change of an agent's presence: a fact, whose id is its own."""

    agent_id: Id
    user_id: Id
    presence: Presence


class AgentPresenceChanged(Event):
    """An agent came, went or was busy, after `seconds` of what was before. The presence itself is working state of the desk."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)  # `from` is a word of Python
    type: ClassVar[str] = "tickets.agent.presence_changed.v1"
    state: PresenceState
    from_: Presence = Field(alias="from")
    to: Presence
    seconds: Count


DESK_EVENTS: tuple[type[Event], ...] = (
    QueueCreated,
    QueueChanged,
    QueueArchived,
    QueueRestored,
    AgentCreated,
    AgentUpdated,
    AgentArchived,
    AgentRestored,
    AgentPresenceChanged,
)
