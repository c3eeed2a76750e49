"""Changing users and teams."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.tenants.rules import check_time_zone
from services.database import birth
from services.errors import Conflict, Invalid, invalid_field
from services.events.platform import TeamChanged, TeamCreated, TeamState, UserChanged, UserInvited, UserState
from services.identifiers import new_id
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version

from .models import Team, User
from .queries import find_missing_teams, find_missing_users, get_team, get_user
from .rules import check_no_cycle
from .schemas import TeamCreate, TeamPatch, UserCreate, UserPatch


class EmailTaken(Conflict):
    """Another user of the tenant has this e-mail address."""

    code = "email_taken"


def state_of_user(user: User) -> UserState:
    """The public state of a user: no name, no address."""
    return UserState.model_validate(user)


def state_of_team(team: Team) -> TeamState:
    """The public state of a team."""
    return TeamState.model_validate(team)


async def invite_user(session: AsyncSession, body: UserCreate, *, status: str = "invited") -> User:
    """Write a user and the event. Raises EmailTaken, Invalid for teams, manager or time zone that are not known."""
    await _check_known(session, body)
    row: dict[str, Any] = {**birth(session, new_id()), **body.model_dump(), "status": status}
    written = await session.scalar(
        upsert(User).values(row).on_conflict_do_nothing(index_elements=["tenant_id", "email"]).returning(User.id)
    )
    if written is None:
        raise EmailTaken("Another user has this e-mail address")
    user = User(**row)
    await record_many(session, [(user, UserInvited(state=state_of_user(user)), None)])
    return user


async def update_user(session: AsyncSession, user_id: UUID, patch: UserPatch, if_match: str | None) -> User:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, EmailTaken, Invalid as for an invitation."""
    user = await get_user(session, user_id, lock=True)
    check_version(user.version, if_match)
    await _check_known(session, patch)
    if patch.manager_id == user_id:
        raise invalid_field("/manager_id", "own_manager", "Nobody is their own manager")
    if apply_patch(user, patch):
        try:
            await record(session, user, UserChanged(state=state_of_user(user)))
        except IntegrityError as error:
            raise EmailTaken("Another user has this e-mail address") from error
    return user


async def create_team(session: AsyncSession, body: TeamCreate) -> Team:
    """Write a team and the event. Raises Invalid for a parent that is not known."""
    if body.parent_id is not None:
        await _check_teams(session, [body.parent_id], "/parent_id")
    row = {**birth(session, new_id()), **body.model_dump()}
    await session.execute(insert(Team).values(row))
    team = Team(**row)
    await record_many(session, [(team, TeamCreated(state=state_of_team(team)), None)])
    return team


async def update_team(session: AsyncSession, team_id: UUID, patch: TeamPatch, if_match: str | None) -> Team:
    """Change fields. Raises NotFound, PreconditionMissing, Stale, Invalid for an unknown parent, TeamAboveItself."""
    if patch.parent_id is not None:
        # Every team is locked, in one order: two moves at once could each be sound and make a cycle together.
        await session.execute(select(Team.id).order_by(Team.id).with_for_update())
    team = await get_team(session, team_id, lock=True)
    check_version(team.version, if_match)
    if patch.parent_id is not None:
        await _check_teams(session, [patch.parent_id], "/parent_id")
        check_no_cycle(team_id, patch.parent_id, await _parents(session))
    if apply_patch(team, patch):
        await record(session, team, TeamChanged(state=state_of_team(team)))
    return team


async def _parents(session: AsyncSession) -> dict[UUID, UUID | None]:
    return dict((await session.execute(select(Team.id, Team.parent_id))).all())


async def _check_known(session: AsyncSession, body: UserCreate | UserPatch) -> None:
    if body.time_zone is not None:
        check_time_zone(body.time_zone, "/time_zone")
    if body.team_ids:
        await _check_teams(session, body.team_ids, "/team_ids")
    if body.manager_id is not None and await find_missing_users(session, [body.manager_id]):
        raise invalid_field("/manager_id", "unknown_user", "This is no user of the tenant")


async def _check_teams(session: AsyncSession, team_ids: Collection[UUID], pointer: str) -> None:
    missing = await find_missing_teams(session, team_ids)
    if missing:
        raise Invalid(f"No teams of this tenant: {', '.join(sorted(map(str, missing)))}", errors=_at(pointer))


def _at(pointer: str) -> Any:
    return invalid_field(pointer, "unknown_team", "This is no team of the tenant").errors
