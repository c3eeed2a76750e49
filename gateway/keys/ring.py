"""The key ring of a process: who a token stands for, in microseconds, without believing any key for longer than a few seconds.

A key that was read is believed for `key_seconds`: a revocation in this process acts at once, one in another process within that time.
A prefix that names no key is remembered too, more briefly, so that wrong keys do not reach the database again and again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.settings import GatewaySettings
from services.clock import Clock, utc_now
from services.database import Database
from services.errors import Unauthenticated
from services.tokens import Caller

from .queries import Credential, find_credential
from .rules import fits, read_token

READ_SECONDS = 5.0
MOST_KNOWN = 10_000
MOST_UNKNOWN = 10_000

Monotonic = Callable[[], float]


@dataclass(slots=True)
class _Known:
    credential: Credential
    until: float


class KeyRing:
    """Looks tokens up in the gateway's database and remembers what it found, within bounds."""

    def __init__(self, database: Database, settings: GatewaySettings, *, clock: Clock = utc_now, timer: Monotonic | None = None) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._timer = timer or (lambda: asyncio.get_running_loop().time())
        self._known: dict[str, _Known] = {}
        self._unknown: dict[str, float] = {}
        self._reading: dict[str, asyncio.Task[Credential | None]] = {}
        self._changes = 0

    async def caller_of(self, token: str) -> Caller:
        """Who acts with `token`. Raises Unauthenticated; what the database raises passes through."""
        parts = read_token(token)
        if parts is None:
            raise Unauthenticated("This is no key of ours: they begin with mk_")
        prefix, secret = parts
        known = self._known.get(prefix)
        if known is None or known.until <= self._timer():
            credential = await self._read_once(prefix)
        else:
            credential = known.credential
        if credential is None or not fits(secret, credential.secret_hash):
            raise Unauthenticated("This key does not exist or was revoked")
        if credential.expires_at is not None and credential.expires_at <= self._clock():
            raise Unauthenticated("This key has expired", code="key_expired")
        return credential.caller

    def forget(self, prefix: str) -> None:
        """Read the key with this prefix again before it opens anything."""
        self._changes += 1
        self._known.pop(prefix, None)
        self._reading.pop(prefix, None)

    def forget_after_commit(self, session: AsyncSession, prefix: str) -> None:
        """Forget the key at the very moment at which the change of it is committed."""
        event.listen(session.sync_session, "after_commit", lambda _session: self.forget(prefix), once=True)

    async def _read_once(self, prefix: str) -> Credential | None:
        """Read a key; whoever asks for the same one meanwhile waits for the same answer."""
        until = self._unknown.get(prefix)
        if until is not None and until > self._timer():
            return None
        reading = self._reading.get(prefix)
        if reading is None:
            reading = asyncio.create_task(self._read(prefix, self._changes))
            self._reading[prefix] = reading
            reading.add_done_callback(lambda task: self._done(prefix, task))
        return await asyncio.shield(reading)

    async def _read(self, prefix: str, changes: int) -> Credential | None:
        async with asyncio.timeout(READ_SECONDS), self._database.session() as session:
            credential = await find_credential(session, prefix)
        # What was read while a key was revoked may be what it was before; it answers those who asked before, nobody later.
        if changes == self._changes:
            self._remember(prefix, credential)
        return credential

    def _done(self, prefix: str, task: "asyncio.Task[Credential | None]") -> None:
        if self._reading.get(prefix) is task:
            del self._reading[prefix]
        if not task.cancelled():
            task.exception()  # those who waited have it; where nobody waits any more it is nobody's

    def _remember(self, prefix: str, credential: Credential | None) -> None:
        now = self._timer()
        if credential is None:
            self._known.pop(prefix, None)
            _make_room(self._unknown, MOST_UNKNOWN)
            self._unknown[prefix] = now + self._settings.unknown_key_seconds
        else:
            self._unknown.pop(prefix, None)
            _make_room(self._known, MOST_KNOWN)
            self._known[prefix] = _Known(credential, now + self._settings.key_seconds)


def _make_room(cache: dict[str, Any], most: int) -> None:
    """Drop the entry that was made first (dicts keep their order) where the cache is full."""
    if len(cache) >= most:
        del cache[next(iter(cache))]
