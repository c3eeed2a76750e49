"""The HTTP routes of queues."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record
from tickets_svc.tickets.models import Ticket
from tickets_svc.tickets.schemas import TicketRead

from . import operations, queries
from .models import Queue
from .schemas import QueueCreate, QueuePatch, QueueRead

router = Router("queues", prefix="/v1/queues")


@router.operation("GET", "", name="list", scope="queues:read", response_model=Page[QueueRead])
async def list_queues(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List queues. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(QueueRead, await queries.list_queues(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="queues:read", response_model=Page[QueueRead])
async def search_queues(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(QueueRead, await queries.list_queues(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="queues:write", response_model=QueueRead, status_code=201)
async def create_queue(session: SessionDep, response: Response, body: QueueCreate) -> Queue:
    """Create a queue. Errors: 409 for an external id that is taken, 422."""
    queue = await operations.create_queue(session, body)
    stamp(response, "queue", queue)
    return queue


@router.operation("POST", "/batch", name="batch", scope="queues:write", response_model=BatchAnswer)
async def batch_queues(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, operations.BATCH)


@router.operation("GET", "/{queue_id}", name="get", scope="queues:read", response_model=QueueRead)
async def get_queue(session: SessionDep, queue_id: UUID) -> Response:
    """Read a queue. Errors: 404."""
    return await show_record(session, Queue, queue_id, schema=QueueRead, noun="queue")


@router.operation("PATCH", "/{queue_id}", name="update", scope="queues:write", response_model=QueueRead)
async def update_queue(session: SessionDep, response: Response, queue_id: UUID, body: QueuePatch, if_match: IfMatch = None) -> Queue:
    """Change a queue. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    queue = await operations.update_queue(session, queue_id, body, if_match)
    stamp(response, "queue", queue)
    return queue


@router.operation("POST", "/{queue_id}/retire", name="retire", scope="queues:write", response_model=QueueRead)
async def retire_queue(session: SessionDep, response: Response, queue_id: UUID) -> Queue:
    """Put nothing into a queue any more. Errors: 404, 409 when it is retired already."""
    queue = await operations.retire_queue(session, queue_id)
    stamp(response, "queue", queue)
    return queue


@router.operation("POST", "/{queue_id}/archive", name="archive", scope="queues:write", response_model=QueueRead)
async def archive_queue(session: SessionDep, response: Response, queue_id: UUID) -> Queue:
    """Hide a queue from lists. Errors: 404."""
    queue = await operations.archive_queue(session, queue_id)
    stamp(response, "queue", queue)
    return queue


@router.operation("POST", "/{queue_id}/restore", name="restore", scope="queues:write", response_model=QueueRead)
async def restore_queue(session: SessionDep, response: Response, queue_id: UUID) -> Queue:
    """Bring a queue back to lists. Errors: 404."""
    queue = await operations.restore_queue(session, queue_id)
    stamp(response, "queue", queue)
    return queue


@router.operation(
    "POST",
    "/{queue_id}/pull",
    name="pull",
    scope="tickets:write",
    response_model=TicketRead,
    responses={204: {"description": "Nothing waits, or the agent has as many cases as the capacity says"}},
)
async def pull_case(session: SessionDep, caller: CallerDep, response: Response, queue_id: UUID) -> Ticket | Response:
    """Give the calling agent the next case, or 204. Errors: 403 when the caller is no agent, 404, 409 when the agent is away."""
    ticket = await operations.pull_case(session, queue_id, me=caller.user_id)
    return Response(status_code=204) if ticket is None else stamped(response, ticket)


def stamped(response: Response, ticket: Ticket) -> Ticket:
    """The ticket, with its version on the answer."""
    stamp(response, "ticket", ticket)
    return ticket
