"""The wire shapes of a key."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from services.contracts import Scope
from services.events.platform import KeyState
from services.wire import Input, ShortText


class KeyCreate(Input):
    """A new key; it acts as `user_id` (default: the caller's user) and has no scope that the caller has not."""

    name: ShortText
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=200)]
    user_id: UUID | None = None
    expires_at: AwareDatetime | None = None


class KeyRead(KeyState):
    """A key, without its secret."""

    version: int
    updated_at: datetime


class KeyWithSecret(KeyRead):
    """A key that was just made. `secret` is the whole token to send; it is shown this once and null on a repeated answer."""

    secret: str | None
