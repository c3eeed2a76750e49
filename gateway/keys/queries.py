"""Reading keys. Each query of the noun compares the tenant, since this table has no row-level security."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.identity.models import User
from services.database import Context, bind_tenant, context_of, now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered
from services.tokens import Caller

from .models import Key

FIELDS: FilterFields = {
    "id": Field("id", Key.id),
    "name": Field("text", Key.name),
    "prefix": Field("text", Key.prefix),
    "user_id": Field("id", Key.user_id),
    "status": Field("choice", Key.status),
    "created_at": Field("instant", Key.created_at),
}
ORDERS = {"created_at": Order(Key.created_at, datetime)}
LISTED = all_of(Key).where(Key.__table__.c.tenant_id == bindparam("tenant_id"))


@dataclass(frozen=True, slots=True)
class Credential:
    """What the door must know of a key: who acts with it, the hash of its secret, and until when."""

    caller: Caller
    secret_hash: str
    expires_at: datetime | None


async def get_key(session: AsyncSession, key_id: UUID, *, lock: bool = False) -> Key:
    """The key of the caller's tenant, locked for a change if asked. Raises NotFound."""
    statement = select(Key).where(Key.id == key_id, Key.tenant_id == context_of(session).tenant_id)
    key = await session.scalar(statement.with_for_update() if lock else statement)
    if key is None:
        raise NotFound(f"There is no key {key_id}")
    return key


async def list_keys(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the keys of the caller's tenant."""
    of_tenant = {"tenant_id": context_of(session).tenant_id}
    statement = filtered(LISTED, query, FIELDS, bindings=Bindings(me, now(session)), values=of_tenant)
    return await fetch_page(session, statement, query, id_column=Key.id, orders=ORDERS, default="created_at")


async def find_credential(session: AsyncSession, prefix: str) -> Credential | None:
    """The active key with this prefix, in whichever tenant, and the user it acts as; binds the session to that tenant."""
    key = await session.scalar(select(Key).where(Key.prefix == prefix, Key.status == "active"))
    if key is None:
        return None
    await bind_tenant(session, Context(key.tenant_id, f"key:{key.id}", ""))
    user = await session.get(User, key.user_id)
    if user is None:
        return None
    caller = Caller(
        tenant_id=key.tenant_id,
        actor=f"key:{key.id}",
        user_id=user.id,
        scopes=frozenset(key.scopes),
        team_ids=tuple(user.team_ids),
        roles=tuple(user.roles),
    )
    return Credential(caller, key.secret_hash, key.expires_at)


async def is_active(session: AsyncSession, key_id: UUID) -> bool:
    """Whether the key of the caller's tenant still opens the door."""
    statement = select(Key).where(Key.id == key_id, Key.tenant_id == context_of(session).tenant_id, Key.status == "active")
    key = await session.scalar(statement)
    return key is not None and (key.expires_at is None or key.expires_at > now(session))


async def find_operator_tenant(session: AsyncSession, scope: str) -> UUID | None:
    """The tenant of the first key that holds `scope`: the operator of this installation."""
    return await session.scalar(select(Key.tenant_id).where(Key.scopes.contains([scope])).order_by(Key.created_at).limit(1))
