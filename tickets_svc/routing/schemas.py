"""The wire shapes of routing rules, and of what a run decided."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.contracts import Label
from services.events import tickets_routing as events
from services.events.tickets import AssignmentReason
from services.events.tickets_routing import RoutingRuleState, Strategy
from services.wire import ExternalIds, Input, Output, absent
from tickets_svc.agents.schemas import Skills
from tickets_svc.queues.schemas import Minutes

Position = Annotated[int, Field(strict=True, ge=0, le=1_000_000, description="rules are gone through from the lowest")]
FilterText = Annotated[str, Field(max_length=2_048, description="over ticket and customer, as docs/filter-language.md says; empty: all")]


class Targets(events.Targets, Input):
    """A queue, or agents with skills; no agent named means all."""

    agent_ids: list[UUID] = Field([], max_length=500)
    skills: Skills = []  # type: ignore[assignment]  # a list is invariant, but this one is only read


def check_targets(strategy: str, targets: events.Targets) -> None:
    """Raises PydanticCustomError where the targets do not fit the strategy: only `direct` knows queues."""
    if targets.queue_id is not None and (strategy != "direct" or targets.agent_ids or targets.skills):
        raise PydanticCustomError("targets", "A queue is a target of the strategy direct, and then the only one")


class RoutingRuleCreate(Input):
    """A new rule, which is a draft until it is activated."""

    name: Label
    position: Position = 100
    filter: FilterText = ""
    strategy: Strategy
    targets: Targets = Targets()
    fairness_floor_minutes: Minutes | None = Field(None, description="a case that waited longer goes first, whatever it is worth")
    stop: bool = Field(False, description="keep what matches from the rules after this one")
    external_ids: ExternalIds = []

    @model_validator(mode="after")
    def _sound(self) -> "RoutingRuleCreate":
        check_targets(self.strategy, self.targets)
        return self


class RoutingRulePatch(Input):
    """What may be changed of a rule; `targets` are replaced as a whole."""

    name: Label = Field(default_factory=absent)
    position: Position = Field(default_factory=absent)
    filter: FilterText = Field(default_factory=absent)
    strategy: Strategy = Field(default_factory=absent)
    targets: Targets = Field(default_factory=absent)
    fairness_floor_minutes: Minutes | None = None
    stop: bool = Field(default_factory=absent)
    external_ids: ExternalIds = Field(default_factory=absent)


class RoutingRuleRead(RoutingRuleState):
    """A rule as its owner shows it."""

    version: int
    updated_at: datetime
    filter: str


class RunRequest(Input):
    """Which tickets to route; none named: all that wait."""

    ticket_ids: Annotated[list[UUID], Field(max_length=500)] = []


class RunDecision(Output):
    """Where a ticket goes, by which rule, and why."""

    ticket_id: UUID
    rule_id: UUID
    strategy: str
    queue_id: UUID | None = None
    assignee_id: UUID | None = None
    reasons: list[AssignmentReason] = []
    expected_loss_minor: int | None = None


class RunAnswer(Output):
    """What a run looked at (at most 500 of what waits, the oldest) and decided."""

    dry_run: bool
    considered: int
    decisions: list[RunDecision]
