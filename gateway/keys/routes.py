"""The HTTP routes of keys."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from services.paging import ListQuery, Page, page_of
from services.preconditions import stamp
from services.routing import CallerDep, Router, SessionDep, keep_instead

from . import operations, queries
from .models import Key
from .ring import KeyRing
from .schemas import KeyCreate, KeyRead, KeyWithSecret

router = Router("keys", prefix="/v1/keys")


@router.operation("GET", "", name="list", scope="keys:read", response_model=Page[KeyRead])
async def list_keys(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List keys, revoked ones too. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(KeyRead, await queries.list_keys(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="keys:write", response_model=KeyWithSecret, status_code=201)
async def create_key(request: Request, session: SessionDep, caller: CallerDep, response: Response, body: KeyCreate) -> KeyWithSecret:
    """Make a key; its secret is shown this once. Errors: 403 for scopes that the caller has not, 422."""
    made = await operations.create_key(session, body, caller)
    return _shown_once(request, response, made.with_secret())


@router.operation("GET", "/{key_id}", name="get", scope="keys:read", response_model=KeyRead)
async def get_key(session: SessionDep, response: Response, key_id: UUID) -> Key:
    """Read a key. Errors: 404."""
    key = await queries.get_key(session, key_id)
    stamp(response, "key", key)
    return key


@router.operation("POST", "/{key_id}/revoke", name="revoke", scope="keys:write", response_model=KeyRead)
async def revoke_key(request: Request, session: SessionDep, response: Response, key_id: UUID) -> Key:
    """Let a key open nothing any more: here at once, in other processes within seconds. Errors: 404, 409 when it is revoked already."""
    key = await operations.revoke_key(session, key_id)
    _forget(request, session, key)
    return _stamped(response, key)


def _shown_once(request: Request, response: Response, key: KeyWithSecret) -> KeyWithSecret:
    keep_instead(request, key.model_copy(update={"secret": None}).model_dump_json().encode())
    stamp(response, "key", key)
    return key


def _stamped(response: Response, key: Key) -> Key:
    stamp(response, "key", key)
    return key


def _forget(request: Request, session: SessionDep, key: Key) -> None:
    ring: KeyRing | None = getattr(request.app.state, "key_ring", None)
    if ring is not None:
        ring.forget_after_commit(session, key.prefix)
