"""The wire shapes of agents."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.contracts import Language
from services.events import tickets_desk as events
from services.events.tickets_desk import AgentState, Presence
from services.wire import ExternalIds, Input, absent


class Skill(events.Skill, Input):
    """What somebody can do, and how well."""


def _each_once(skills: list[Skill]) -> list[Skill]:
    if len({skill.key for skill in skills}) < len(skills):
        raise PydanticCustomError("skill_twice", "A skill stands here twice")
    return skills


Skills = Annotated[list[Skill], Field(max_length=50), AfterValidator(_each_once)]
Languages = Annotated[list[Language], Field(max_length=20)]
Capacity = Annotated[int, Field(strict=True, ge=0, le=1_000, description="how many unresolved cases at a time")]


class AgentCreate(Input):
    """A user who takes cases."""

    user_id: UUID
    skills: Skills = []
    languages: Languages = []
    capacity: Capacity = 10
    external_ids: ExternalIds = []


class AgentPatch(Input):
    """What may be changed of an agent."""

    skills: Skills = Field(default_factory=absent)
    languages: Languages = Field(default_factory=absent)
    capacity: Capacity = Field(default_factory=absent)
    external_ids: ExternalIds = Field(default_factory=absent)


class PresenceChange(Input):
    """Whether the agent is there."""

    presence: Presence


class AgentRead(AgentState):
    """An agent as its owner shows it, and whether the agent is there."""

    version: int
    updated_at: datetime
    presence: Presence = "offline"
    presence_since: datetime | None = None
