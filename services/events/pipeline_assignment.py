"""What happens to assignment rules, and what a run of them did. A rule's filter is owner-held."""

from typing import ClassVar, Literal

from services.contracts import Bps, Contract, Count, Event, ExternalId, Id, State

Assignable = Literal["leads", "opportunities"]
Strategy = Literal["direct", "round_robin", "least_loaded", "expected_value"]
RuleStatus = Literal["draft", "active", "retired"]


class AssignmentTarget(Contract):
    """A user who may be given work: `weight` counts for round_robin, `seniority` for expected_value, `capacity` is the most open work."""

    user_id: Id
    weight: Count = 1
    seniority: Count = 0
    capacity: Count | None = None


class AssignmentRuleState(State):
    """The public state of a rule. `max_share_bps` is the most that one target may have of what the rule gives."""

    noun: Assignable
    order: Count
    strategy: Strategy
    targets: list[AssignmentTarget]
    max_share_bps: Bps | None = None
    status: RuleStatus
    external_ids: list[ExternalId] = []


class AssignmentRuleCreated(Event):
    """A rule was drafted. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "pipeline.assignment_rule.created.v1"
    state: AssignmentRuleState


class AssignmentRuleChanged(Event):
    """A rule has other fields or another status; `changed` may name the filter, whose text stays with pipeline."""

    type: ClassVar[str] = "pipeline.assignment_rule.changed.v1"
    state: AssignmentRuleState


class AssignmentRuleArchived(Event):
    """Hidden from lists; it gives no work any more."""

    type: ClassVar[str] = "pipeline.assignment_rule.archived.v1"
    state: AssignmentRuleState


class AssignmentRuleRestored(Event):
    """Back in lists."""

    type: ClassVar[str] = "pipeline.assignment_rule.restored.v1"
    state: AssignmentRuleState


class AssignmentState(State):
    """A run of the rules over what nobody owned: considered = assigned + unassigned."""

    noun: Assignable
    considered: Count
    assigned: Count
    unassigned: Count


class AssignmentRun(Event):
    """The rules were run. A fact: its subject has this one event."""

    type: ClassVar[str] = "pipeline.assignment.run.v1"
    state: AssignmentState
