"""Reading users and teams."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered

from .models import Team, User

USER_FIELDS: FilterFields = {
    "id": Field("id", User.id),
    "email": Field("text", User.email),
    "name": Field("text", User.name),
    "status": Field("choice", User.status),
    "roles": Field("tags", User.roles),
    "manager_id": Field("id", User.manager_id),
    "created_at": Field("instant", User.created_at),
}
USER_ORDERS = {"created_at": Order(User.created_at, datetime), "email": Order(User.email, str)}
TEAM_FIELDS: FilterFields = {
    "id": Field("id", Team.id),
    "name": Field("text", Team.name),
    "parent_id": Field("id", Team.parent_id),
    "created_at": Field("instant", Team.created_at),
}
TEAM_ORDERS = {"created_at": Order(Team.created_at, datetime), "name": Order(Team.name, str)}


async def get_user(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
    """The user, locked for a change if asked. Raises NotFound."""
    user = await session.get(User, user_id, with_for_update=lock or None)
    if user is None:
        raise NotFound(f"There is no user {user_id}")
    return user


async def get_team(session: AsyncSession, team_id: UUID, *, lock: bool = False) -> Team:
    """The team, locked for a change if asked. Raises NotFound."""
    team = await session.get(Team, team_id, with_for_update=lock or None)
    if team is None:
        raise NotFound(f"There is no team {team_id}")
    return team


async def find_missing_users(session: AsyncSession, user_ids: Collection[UUID]) -> set[UUID]:
    """Which of `user_ids` are no users of this tenant."""
    known = await session.scalars(select(User.id).where(User.id.in_(user_ids)))
    return set(user_ids) - set(known)


async def find_missing_teams(session: AsyncSession, team_ids: Collection[UUID]) -> set[UUID]:
    """Which of `team_ids` are no teams of this tenant."""
    known = await session.scalars(select(Team.id).where(Team.id.in_(team_ids)))
    return set(team_ids) - set(known)


async def list_users(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the users."""
    statement = filtered(all_of(User), query, USER_FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=User.id, orders=USER_ORDERS, default="created_at")


async def list_teams(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the teams."""
    statement = filtered(all_of(Team), query, TEAM_FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Team.id, orders=TEAM_ORDERS, default="name")
