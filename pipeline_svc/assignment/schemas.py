"""The wire shapes of assignment rules and of their runs."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.events.pipeline_assignment import Assignable, AssignmentRuleState, Strategy
from services.events.pipeline_opportunities import AssignmentReason
from services.wire import ExternalIds, Input, Output

MOST_IN_A_RUN = 500
FilterText = Annotated[str, StringConstraints(max_length=2048)]
Share = Annotated[int, Field(ge=1, le=10_000, description="the most that one target may have of what the rule gives, rounded up")]
Order = Annotated[int, Field(ge=0, le=1_000_000, description="rules are asked in this order; of equals the older first")]


class TargetWrite(Input):
    """A user who may be given work."""

    user_id: UUID
    weight: int = Field(1, ge=1, le=100, description="for round_robin: twice the weight, twice the work")
    seniority: int = Field(0, ge=0, le=100, description="for expected_value: the most senior with room is given the most valuable")
    capacity: int | None = Field(None, ge=1, le=100_000, description="the most open work that rules give")


Targets = Annotated[list[TargetWrite], Field(min_length=1, max_length=200)]


class AssignmentRulePatch(Input):
    """What may be changed of a rule that is not retired. New targets begin their turns anew."""

    order: Order = 100
    filter: FilterText = Field(
        "", description="over the noun's fields and its contact's references; empty: all. See docs/filter-language.md"
    )
    strategy: Strategy = "round_robin"
    targets: Targets = []
    max_share_bps: Share | None = None
    external_ids: ExternalIds = []


class AssignmentRuleCreate(AssignmentRulePatch):
    """A new rule; it is a draft until it is activated."""

    noun: Assignable
    strategy: Strategy
    targets: Targets


class AssignmentRuleRead(AssignmentRuleState):
    """A rule as its owner shows it."""

    version: int
    updated_at: datetime
    filter: str


class RunAsked(Input):
    """What is to be given out: of a noun what nobody owns and is open, the oldest first."""

    noun: Assignable
    limit: int = Field(MOST_IN_A_RUN, ge=1, le=MOST_IN_A_RUN)


class Assignment(Output):
    """To whom one piece goes, by which rule, and why; nobody, where no rule fits or nobody has room."""

    id: UUID
    owner_id: UUID | None
    rule_id: UUID | None
    reasons: list[AssignmentReason]


class RunAnswer(Output):
    """What a run did, or with dry_run would do: considered = assigned + unassigned."""

    noun: Assignable
    considered: int
    assigned: int
    unassigned: int
    items: list[Assignment]
