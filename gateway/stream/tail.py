"""The tail of the journals: one look at a tenant's head for all who follow it, and none where nobody does.

A reader that has caught up waits here without a database connection. While anybody follows a tenant, its head is looked at every
`POLL_SECONDS`, whoever moved it, in this process or another.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog

from gateway.journal.queries import get_head
from gateway.journal.rules import Position
from services.database import Context, Database

log = structlog.get_logger()

POLL_SECONDS = 0.1
RETRY_SECONDS = 1.0


class Followed:
    """A tenant's head as it is known here, and those who wait for it to move."""

    def __init__(self) -> None:
        self.followers = 0
        self.look: asyncio.Task[None] | None = None
        self._head: Position | None = None
        self._moved = asyncio.Event()

    def show(self, head: Position) -> None:
        """Wake who waits, if the head has moved."""
        if head != self._head:
            self._head = head
            self._moved.set()
            self._moved = asyncio.Event()

    async def wait_beyond(self, position: Position, *, seconds: float) -> None:
        """Wait until the head is beyond `position` or of another generation, or until `seconds` went by."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._is_beyond(position):
                    await self._moved.wait()

    def _is_beyond(self, position: Position) -> bool:
        head = self._head
        return head is not None and (head.generation != position.generation or head.seq > position.seq)


class Tail:
    """The heads of the journals that somebody in this process follows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._followed: dict[UUID, Followed] = {}

    @asynccontextmanager
    async def follow(self, tenant_id: UUID) -> AsyncIterator[Followed]:
        """Look at the tenant's head for as long as somebody is inside."""
        followed = self._followed.setdefault(tenant_id, Followed())
        followed.followers += 1
        if followed.look is None:
            followed.look = asyncio.create_task(self._keep_looking(tenant_id, followed))
        try:
            yield followed
        finally:
            followed.followers -= 1
            if followed.followers == 0:
                del self._followed[tenant_id]
                followed.look.cancel()

    async def _keep_looking(self, tenant_id: UUID, followed: Followed) -> None:
        context = Context(tenant_id, "system:gateway", "tail")
        while True:
            try:
                async with self._database.session(context) as session:
                    head = await get_head(session)
                followed.show(head)
                await asyncio.sleep(POLL_SECONDS)
            except Exception as error:
                log.warning("tail_retries", error_type=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
