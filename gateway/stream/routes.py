"""The HTTP route of the stream."""

from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from gateway.journal.queries import Wanted, get_head
from gateway.journal.routes import GONE
from gateway.journal.rules import Position, read_position, read_types
from gateway.journal.schemas import After, Subject, Types
from services.database import context_of
from services.routing import Router, SessionDep

from .sending import Listener, send_events
from .tail import Tail

LastEventId = Annotated[str | None, Header(max_length=40, description="The id of the last event that was received whole")]


class EventStream(StreamingResponse):
    """Server-sent events, which no proxy shall keep back."""

    media_type = "text/event-stream"


STREAM: dict[int | str, dict[str, Any]] = {
    **GONE,
    200: {
        "description": "Server-sent events: id = position, event = type, data = the CloudEvent; comments in between when nothing happens",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}

router = Router("events", prefix="/v1/events")


@router.operation("GET", "/stream", name="stream", scope="events:read", response_class=EventStream, responses=STREAM)
async def stream_events(
    request: Request,
    session: SessionDep,
    types: Types = "",
    subject: Subject = None,
    after: After = None,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Listen to events as they happen, from now on or after a position. Errors: 410 for a position that is gone, 422."""
    start = await _start(session, after, last_event_id)
    listener = Listener(context_of(session), start, Wanted(read_types(types), subject))
    return _stream(request, listener)


async def _start(session: AsyncSession, after: str | None, last_event_id: str | None) -> Position:
    head = await get_head(session)
    if last_event_id:
        return Position(head.generation, read_position(last_event_id, head, "#header/Last-Event-ID"))
    if after:
        return Position(head.generation, read_position(after, head, "#query/after"))
    return head


def _stream(request: Request, listener: Listener) -> EventStream:
    state = request.app.state
    if not hasattr(state, "tail"):
        state.tail = Tail(state.database)
    events = send_events(state.database, state.tail, listener, clock=state.clock)
    return EventStream(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
