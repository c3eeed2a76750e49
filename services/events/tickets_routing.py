"""The rules by which tickets find their queue or their agent."""

from typing import ClassVar, Literal

from services.contracts import Contract, Count, Event, ExternalId, Id, Label, State
from services.events.tickets_desk import Skill

Strategy = Literal["direct", "round_robin", "least_busy", "skill", "expected_loss"]
RuleStatus = Literal["draft", "active", "retired"]


class Targets(Contract):
    """Where a rule sends tickets: into a queue, or to those of the agents (none named: all) who have the skills."""

    queue_id: Id | None = None
    agent_ids: list[Id] = []
    skills: list[Skill] = []


class RoutingRuleState(State):
    """The public state of a routing rule; its filter, which may name what people wrote, stays with its owner."""

    name: Label
    position: Count
    strategy: Strategy
    targets: Targets
    fairness_floor_minutes: Count | None = None
    stop: bool = False
    status: RuleStatus
    external_ids: list[ExternalId] = []


class RoutingRuleCreated(Event):
    """A draft was written. Emitted once, first."""

    type: ClassVar[str] = "tickets.routing_rule.created.v1"
    state: RoutingRuleState


class RoutingRuleChanged(Event):
    """Fields changed, or the rule was activated or retired."""

    type: ClassVar[str] = "tickets.routing_rule.changed.v1"
    state: RoutingRuleState


class RoutingRuleArchived(Event):
    """Hidden from lists; an archived rule routes nothing."""

    type: ClassVar[str] = "tickets.routing_rule.archived.v1"
    state: RoutingRuleState


class RoutingRuleRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "tickets.routing_rule.restored.v1"
    state: RoutingRuleState


ROUTING_EVENTS: tuple[type[Event], ...] = (RoutingRuleCreated, RoutingRuleChanged, RoutingRuleArchived, RoutingRuleRestored)
