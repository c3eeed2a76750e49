"""The HTTP routes of users and teams."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Team, User
from .schemas import TeamCreate, TeamPatch, TeamRead, UserCreate, UserPatch, UserRead

users = Router("users", prefix="/v1/users")
teams = Router("teams", prefix="/v1/teams")


@users.operation("GET", "", name="list", scope="users:read", response_model=Page[UserRead])
async def list_users(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List users. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(UserRead, await queries.list_users(session, query, me=caller.user_id))


@users.operation("POST", "", name="create", scope="users:write", response_model=UserRead, status_code=201)
async def invite_user(session: SessionDep, response: Response, body: UserCreate) -> User:
    """Invite somebody. Errors: 409 when the e-mail address is taken, 422."""
    user = await operations.invite_user(session, body)
    stamp(response, "user", user)
    return user


@users.operation("GET", "/{user_id}", name="get", scope="users:read", response_model=UserRead)
async def get_user(session: SessionDep, user_id: UUID) -> Response:
    """Read a user. Errors: 404."""
    return await show_record(session, User, user_id, schema=UserRead, noun="user")


@users.operation("PATCH", "/{user_id}", name="update", scope="users:write", response_model=UserRead)
async def update_user(session: SessionDep, response: Response, user_id: UUID, body: UserPatch, if_match: IfMatch = None) -> User:
    """Change a user by merge patch. Errors: 404, 409 when the e-mail address is taken, 412, 422, 428."""
    user = await operations.update_user(session, user_id, body, if_match)
    stamp(response, "user", user)
    return user


@teams.operation("GET", "", name="list", scope="teams:read", response_model=Page[TeamRead])
async def list_teams(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List teams. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(TeamRead, await queries.list_teams(session, query, me=caller.user_id))


@teams.operation("POST", "", name="create", scope="teams:write", response_model=TeamRead, status_code=201)
async def create_team(session: SessionDep, response: Response, body: TeamCreate) -> Team:
    """Create a team. Errors: 422."""
    team = await operations.create_team(session, body)
    stamp(response, "team", team)
    return team


@teams.operation("GET", "/{team_id}", name="get", scope="teams:read", response_model=TeamRead)
async def get_team(session: SessionDep, team_id: UUID) -> Response:
    """Read a team. Errors: 404."""
    return await show_record(session, Team, team_id, schema=TeamRead, noun="team")


@teams.operation("PATCH", "/{team_id}", name="update", scope="teams:write", response_model=TeamRead)
async def update_team(session: SessionDep, response: Response, team_id: UUID, body: TeamPatch, if_match: IfMatch = None) -> Team:
    """Change a team by merge patch. Errors: 404, 409 when it would stand above itself, 412, 422, 428."""
    team = await operations.update_team(session, team_id, body, if_match)
    stamp(response, "team", team)
    return team
