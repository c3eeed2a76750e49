"""What happens to the tenants, users, teams and keys of the gateway."""

from typing import ClassVar, Literal

from services.contracts import Code, Count, Currency, Event, Id, Instant, Label, Language, Scope, State, Zone


class TenantState(State):
    """The public state of a tenant. Zone and currency are fixed at its creation.

    A customer who has not bought within `activity_window_days` is no longer an active one.
    """

    name: Label
    time_zone: Zone
    currency: Currency
    status: Literal["trial", "active", "suspended", "closed"]
    activity_window_days: Count = 365


class TenantCreated(Event):
    """A tenant is there; every service makes it known to itself."""

    type: ClassVar[str] = "platform.tenant.created.v1"
    state: TenantState


class TenantChanged(Event):
    """Fields of a tenant changed."""

    type: ClassVar[str] = "platform.tenant.changed.v1"
    state: TenantState


class UserState(State):
    """The public state of a user; name and address stay in the gateway."""

    status: Literal["invited", "active", "locked", "left"]
    locale: Language | None = None
    time_zone: Zone | None = None
    roles: list[Code] = []
    team_ids: list[Id] = []
    manager_id: Id | None = None


class UserInvited(Event):
    """Somebody may work here. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "platform.user.invited.v1"
    state: UserState


class UserChanged(Event):
    """Fields of a user changed."""

    type: ClassVar[str] = "platform.user.changed.v1"
    state: UserState


class TeamState(State):
    """The public state of a team."""

    name: Label
    parent_id: Id | None = None


class TeamCreated(Event):
    """A team is there. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "platform.team.created.v1"
    state: TeamState


class TeamChanged(Event):
    """Fields of a team changed."""

    type: ClassVar[str] = "platform.team.changed.v1"
    state: TeamState


class KeyState(State):
    """The public state of an API key; never its secret."""

    name: Label
    prefix: Code
    user_id: Id
    scopes: list[Scope]
    status: Literal["active", "revoked"]
    expires_at: Instant | None = None


class KeyCreated(Event):
    """A key opens the door. Emitted once, as the subject's first event."""

    type: ClassVar[str] = "platform.key.created.v1"
    state: KeyState


class KeyRevoked(Event):
    """The key opens nothing any more."""

    type: ClassVar[str] = "platform.key.revoked.v1"
    state: KeyState
