"""Idempotency keys: a POST or PATCH that is sent again gets its first answer, and nothing happens twice."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, LargeBinary, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, Context, bind_tenant, context_of
from services.errors import Conflict, Invalid, invalid_field
from services.kept_statements import KeptInsert, KeptSelect

KEPT = timedelta(hours=24)
MAX_KEY = 255
LOCK_SPACE = 7102


class IdempotencyAnswer(Base):
    """The first answer to a keyed request, with the contact it speaks of so that an erasure finds it."""

    __tablename__ = "idempotency_answer"
    silent = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    contact_id: Mapped[UUID | None]
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())


_ANSWER = IdempotencyAnswer.__table__.c
_THIS = [_ANSWER[name] == bindparam(name) for name in ("tenant_id", "operation", "key")]
TRY_LOCK = KeptSelect(select(func.pg_try_advisory_xact_lock(LOCK_SPACE, bindparam("number", type_=Integer()))))
FIND = KeptSelect(
    select(_ANSWER.request_hash, _ANSWER.status, _ANSWER.headers, _ANSWER.body).where(*_THIS, _ANSWER.stored_at > func.now() - KEPT)
)
_INSERT = insert(IdempotencyAnswer.__table__)  # type: ignore[arg-type]
_WRITTEN = ("request_hash", "status", "headers", "body", "contact_id")
_REPLACED = {name: _INSERT.excluded[name] for name in _WRITTEN} | {"stored_at": func.now()}
STORE = KeptInsert(
    _INSERT.on_conflict_do_update(index_elements=["tenant_id", "operation", "key"], set_=_REPLACED),
    *("tenant_id", "operation", "key", *_WRITTEN),
)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that carries an Idempotency-Key. `operation` names verb and path, so a key may be used again elsewhere."""

    operation: str
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def keyed_request(method: str, path: str, *, key: str, body: bytes) -> KeyedRequest:
    """The request as it is remembered. Raises Invalid for an empty or overlong key."""
    if not 1 <= len(key) <= MAX_KEY or "\x00" in key:
        raise invalid_field("#header/Idempotency-Key", "length", f"An Idempotency-Key has 1 to {MAX_KEY} characters")
    return KeyedRequest(f"{method} {path}", key, hashlib.sha256(body).hexdigest())


async def find_answer(session: AsyncSession, request: KeyedRequest) -> Answer | None:
    """The stored answer to `request`, if it was honoured before. Holds the key for this transaction.

    Raises Conflict while the first request is still running, Invalid when the key came with another body. The lock is taken by a
    statement of its own, so the reading statement sees what the holder of the lock has committed.
    """
    tenant_id = context_of(session).tenant_id
    number = zlib.crc32(f"{tenant_id}|{request.operation}|{request.key}".encode()) - 2**31
    ((is_mine,),) = await TRY_LOCK.run(session, {"number": number})
    if not is_mine:
        raise Conflict("A request with this Idempotency-Key is still running", code="idempotency_key_in_use")
    found = await FIND.run(session, {"tenant_id": tenant_id, "operation": request.operation, "key": request.key})
    if not found:
        return None
    ((request_hash, status, headers, body),) = found
    if request_hash != request.request_hash:
        raise Invalid("This Idempotency-Key was used with another body", code="idempotency_key_reused")
    return Answer(status, {name: str(value) for name, value in headers.items()}, body)


async def store_answer(session: AsyncSession, request: KeyedRequest, answer: Answer, *, contact_id: UUID | None = None) -> None:
    """Keep a 2xx answer in the transaction of the change; a stale one of the same key is replaced."""
    row = {
        "tenant_id": context_of(session).tenant_id,
        "operation": request.operation,
        "key": request.key,
        "request_hash": request.request_hash,
        "status": answer.status,
        "headers": answer.headers,
        "body": answer.body,
        "contact_id": contact_id,
    }
    await STORE.write(session, [row])


async def forget_old_answers(session: AsyncSession, tenant_ids: Sequence[UUID]) -> None:
    """Delete the answers of these tenants that are older than a day; the session is left bound to the last of them."""
    for tenant_id in tenant_ids:
        await bind_tenant(session, Context(tenant_id, "system:housekeeping", "housekeeping"))
        await session.execute(delete(IdempotencyAnswer).where(IdempotencyAnswer.stored_at <= func.now() - KEPT))
