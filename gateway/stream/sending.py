"""What goes over the wire of a stream: the events after a position, as long as the client listens and its key is good."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from uuid import UUID

from gateway.journal.queries import Entry, Wanted, get_head, list_entries
from gateway.journal.rules import Position
from gateway.keys.queries import is_active
from services.clock import Clock
from services.database import Context, Database

from .tail import Tail

BATCH = 500
HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 1_000


@dataclass(frozen=True)
class Listener:
    """Who listens, from where on, and to what."""

    context: Context
    start: Position
    wanted: Wanted


async def send_events(
    database: Database, tail: Tail, listener: Listener, *, clock: Clock, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The stream of one listener. Each block is a whole event with its position as its id, so a client that was cut off anywhere
    goes on after the last one that it has whole. Ends when the journal begins another generation or the listener's key is good no more.

    No connection to the database is held between two reads.
    """
    position = listener.start
    loop = asyncio.get_running_loop()
    next_check = loop.time() + heartbeat_seconds
    yield f"retry: {RETRY_MILLISECONDS}\nid: {position}\n\n".encode()
    async with tail.follow(listener.context.tenant_id) as followed:
        while True:
            head, entries = await _read(database, listener, position)
            if head.generation != position.generation or head.seq < position.seq:
                return
            if entries:
                yield b"".join(_block(head.generation, entry) for entry in entries)
            full = len(entries) == BATCH
            position = Position(head.generation, entries[-1].seq if full else head.seq)
            if not full:
                await followed.wait_beyond(position, seconds=max(0.0, next_check - loop.time()))
            if loop.time() < next_check:
                continue
            next_check = loop.time() + heartbeat_seconds
            if not await _is_welcome(database, listener.context, clock):
                return
            yield b": still here\n\n"


async def _read(database: Database, listener: Listener, position: Position) -> tuple[Position, Sequence[Entry]]:
    async with database.session(listener.context) as session:
        head = await get_head(session)
        if head.seq <= position.seq:
            return head, []
        return head, await list_entries(session, position.seq, listener.wanted, limit=BATCH, until=head.seq)


async def _is_welcome(database: Database, context: Context, clock: Clock) -> bool:
    kind, _, key_id = context.actor.partition(":")
    if kind != "key":
        return True
    async with database.session(context) as session:
        session.info["clock"] = clock
        return await is_active(session, UUID(key_id))


def _block(generation: int, entry: Entry) -> bytes:
    return f"id: {Position(generation, entry.seq)}\nevent: {entry.type}\ndata: {entry.event}\n\n".encode()
