"""The wire shapes of users and teams."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from services.contracts import Code, Language, Zone
from services.events.platform import TeamState, UserState
from services.wire import Input, ShortText

EmailAddress = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$"),
    AfterValidator(str.lower),
]
Roles = Annotated[list[Code], Field(max_length=50)]
TeamIds = Annotated[list[UUID], Field(max_length=100)]


class UserCreate(Input):
    """Somebody who is invited."""

    email: EmailAddress
    name: ShortText
    locale: Language | None = None
    time_zone: Zone | None = None
    roles: Roles = []
    team_ids: TeamIds = []
    manager_id: UUID | None = None


class UserPatch(Input):
    """What may be changed of a user."""

    email: EmailAddress = ""
    name: ShortText = ""
    locale: Language | None = None
    time_zone: Zone | None = None
    roles: Roles = []
    team_ids: TeamIds = []
    manager_id: UUID | None = None


class UserRead(UserState):
    """A user as the gateway shows one."""

    version: int
    updated_at: datetime
    email: str
    name: str


class TeamCreate(Input):
    """A new team."""

    name: ShortText
    parent_id: UUID | None = None


class TeamPatch(Input):
    """What may be changed of a team."""

    name: ShortText = ""
    parent_id: UUID | None = None


class TeamRead(TeamState):
    """A team."""

    version: int
    updated_at: datetime
