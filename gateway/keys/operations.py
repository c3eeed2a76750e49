"""Making and revoking keys, and what begins with one: a new tenant, and the operator of a new installation."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.identity.models import User
from gateway.identity.operations import invite_user
from gateway.identity.queries import find_missing_users
from gateway.identity.schemas import UserCreate
from gateway.tenants.models import HostedTenant
from gateway.tenants.operations import create_tenant
from services.database import Context, Database, bind_tenant, birth, now
from services.errors import invalid_field
from services.events.platform import KeyCreated, KeyRevoked, KeyState
from services.identifiers import new_id
from services.outbox import record, record_many
from services.tokens import Caller

from .models import Key
from .queries import find_operator_tenant, get_key
from .rules import check_can_revoke, check_expiry, check_scopes, hash_of, token_of
from .schemas import KeyCreate, KeyRead, KeyWithSecret

EVERYTHING_IN_A_TENANT = ("*",)
EVERYTHING_AT_ALL = ("*", "platform:*")
LOCK_BOOTSTRAP = text("SELECT pg_advisory_xact_lock(7201, 1)")


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key and its token, which nobody can work out again."""

    key: Key
    token: str

    def with_secret(self) -> KeyWithSecret:
        """The answer that shows the token."""
        return KeyWithSecret(**KeyRead.model_validate(self.key).model_dump(), secret=self.token)


@dataclass(frozen=True, slots=True)
class Founded:
    """A new tenant, who runs it, and the first key."""

    tenant: HostedTenant
    admin: User
    made: MadeKey


def state_of(key: Key) -> KeyState:
    """The public state of a key: never its secret, nor the hash of it."""
    return KeyState.model_validate(key)


async def create_key(session: AsyncSession, body: KeyCreate, caller: Caller) -> MadeKey:
    """A key that a caller hands out. Raises ScopesBeyondCaller, Invalid for an unknown user or an expiry in the past."""
    check_scopes(body.scopes, caller.scopes)
    check_expiry(body.expires_at, now(session))
    user_id = body.user_id or caller.user_id
    if user_id is None or await find_missing_users(session, [user_id]):
        raise invalid_field("/user_id", "unknown_user", "A key acts as a user of the tenant")
    return await make_key(session, name=body.name, user_id=user_id, scopes=body.scopes, expires_at=body.expires_at)


async def make_key(
    session: AsyncSession, *, name: str, user_id: UUID, scopes: Sequence[str], expires_at: datetime | None = None
) -> MadeKey:
    """Write a key and its event; whether the scopes may be given was asked before."""
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    columns = {
        "name": name,
        "prefix": prefix,
        "secret_hash": hash_of(secret),
        "user_id": user_id,
        "scopes": sorted(set(scopes)),
        "status": "active",
        "expires_at": expires_at,
    }
    row = {**birth(session, new_id()), **columns}
    await session.execute(insert(Key).values(row))
    key = Key(**row)
    await record_many(session, [(key, KeyCreated(state=state_of(key)), None)])
    return MadeKey(key, token_of(prefix, secret))


async def revoke_key(session: AsyncSession, key_id: UUID) -> Key:
    """Let a key open nothing any more. Raises NotFound, WrongState when it is revoked already."""
    key = await get_key(session, key_id, lock=True)
    check_can_revoke(key.status)
    key.status = "revoked"
    await record(session, key, KeyRevoked(state=state_of(key)))
    return key


async def found_tenant(
    session: AsyncSession,
    *,
    name: str,
    time_zone: str,
    currency: str,
    email: str,
    admin_name: str,
    scopes: Sequence[str] = EVERYTHING_IN_A_TENANT,
) -> Founded:
    """Write a tenant with its first user and its first key, each with its event, in the running transaction.

    The transaction is bound to the new tenant meanwhile and to the caller's again afterwards. Raises Invalid for an unknown time zone
    or currency.
    """
    outside = session.info.get("context")
    inside = _context_inside(new_id(), outside)
    await bind_tenant(session, inside)
    tenant = await create_tenant(session, name=name, time_zone=time_zone, currency=currency)
    admin = await invite_user(session, UserCreate(email=email, name=admin_name), status="active")
    made = await make_key(session, name="first key", user_id=admin.id, scopes=scopes)
    if isinstance(outside, Context):
        await bind_tenant(session, outside)
    return Founded(tenant, admin, made)


async def bootstrap(database: Database, *, name: str = "Operator", email: str = "operator@mitra.example") -> str:
    """The token of a new operator key, which may found tenants. Commits by itself.

    The first call also makes the operator's own tenant and user; a later call (the token was lost) makes one more key there. Two
    calls at once make one tenant.
    """
    async with database.session() as session:
        await session.execute(LOCK_BOOTSTRAP)
        operator = await find_operator_tenant(session, EVERYTHING_AT_ALL[1])
        if operator is None:
            founded = await found_tenant(
                session, name=name, time_zone="UTC", currency="USD", email=email, admin_name=name, scopes=EVERYTHING_AT_ALL
            )
            made = founded.made
        else:
            await bind_tenant(session, _context_inside(operator, None))
            user_id = (await session.scalars(select(User.id).order_by(User.created_at).limit(1))).one()
            made = await make_key(session, name="operator key", user_id=user_id, scopes=EVERYTHING_AT_ALL)
        await session.commit()
        return made.token


def _context_inside(tenant_id: UUID, outside: object) -> Context:
    if isinstance(outside, Context):
        return Context(tenant_id, outside.actor, outside.correlation_id, outside.causation_id, outside.traceparent)
    return Context(tenant_id, "system:gateway", str(new_id()))
