"""The HTTP routes of tickets."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.batch import BatchAnswer, BatchRequest, run_batch
from services.paging import ListQuery, Page, page_of
from services.preconditions import IfMatch, stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record
from tickets_svc.routing import running as routing

from . import batches, movements, operations, queries
from .models import Ticket
from .schemas import Assignment, Destination, Escalation, Moment, TicketCreate, TicketPatch, TicketRead, Waiting, Watching

router = Router("tickets", prefix="/v1/tickets")


@router.operation("GET", "", name="list", scope="tickets:read", response_model=Page[TicketRead])
async def list_tickets(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List tickets. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(TicketRead, await queries.list_tickets(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="tickets:read", response_model=Page[TicketRead])
async def search_tickets(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(TicketRead, await queries.list_tickets(session, query, me=caller.user_id))


@router.operation("POST", "", name="create", scope="tickets:write", response_model=TicketRead, status_code=201)
async def create_ticket(session: SessionDep, response: Response, body: TicketCreate) -> TicketRead:
    """Open a ticket. Errors: 409 for an external id that is taken, 422."""
    ticket = await operations.open_ticket(session, body)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/batch", name="batch", scope="tickets:write", response_model=BatchAnswer)
async def batch_tickets(session: SessionDep, body: BatchRequest) -> BatchAnswer:
    """Up to 500 operations. Errors: 422 for a refused atomic batch."""
    return await run_batch(session, body, batches.VERBS)


@router.operation("GET", "/{ticket_id}", name="get", scope="tickets:read", response_model=TicketRead)
async def get_ticket(session: SessionDep, ticket_id: UUID) -> Response:
    """Read a ticket. Errors: 404."""
    return await show_record(session, Ticket, ticket_id, schema=TicketRead, noun="ticket")


@router.operation("PATCH", "/{ticket_id}", name="update", scope="tickets:write", response_model=TicketRead)
async def update_ticket(session: SessionDep, response: Response, ticket_id: UUID, body: TicketPatch, if_match: IfMatch = None) -> Ticket:
    """Change fields of a ticket. Errors: 404, 409 for an external id that is taken, 412, 422, 428."""
    ticket = await operations.update_ticket(session, ticket_id, body, if_match)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/assign", name="assign", scope="tickets:write", response_model=TicketRead)
async def assign_ticket(
    session: SessionDep, caller: CallerDep, response: Response, ticket_id: UUID, body: Assignment = Assignment()
) -> Ticket:
    """Give a ticket to a person, by default to who calls; a new ticket is open then. Errors: 404, 409 when it is resolved, 422."""
    ticket = await movements.assign_ticket(session, ticket_id, body.assignee_id or caller.user_id, at=body.at)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/route", name="route", scope="tickets:write", response_model=TicketRead)
async def route_ticket(session: SessionDep, response: Response, ticket_id: UUID, body: Destination = Destination()) -> Ticket:
    """Put a ticket into a queue; where none is named, send it where the rules say. Errors: 404, 409 when it is resolved, 422."""
    ticket = await routing.route_ticket(session, ticket_id, body.queue_id, at=body.at)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/escalate", name="escalate", scope="tickets:write", response_model=TicketRead)
async def escalate_ticket(session: SessionDep, response: Response, ticket_id: UUID, body: Escalation = Escalation()) -> Ticket:
    """Pass a ticket up. Errors: 404, 409 when it is resolved, 422 for a level that is not above the present one."""
    ticket = await movements.escalate_ticket(session, ticket_id, body)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/wait", name="wait", scope="tickets:write", response_model=TicketRead)
async def wait_with_ticket(session: SessionDep, response: Response, ticket_id: UUID, body: Waiting = Waiting()) -> Ticket:
    """Let an open ticket wait, for the customer, a third party, or on hold. Errors: 404, 409 when it is not open, 422."""
    ticket = await movements.wait_with_ticket(session, ticket_id, body)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/continue", name="continue", scope="tickets:write", response_model=TicketRead)
async def continue_ticket(session: SessionDep, response: Response, ticket_id: UUID, body: Moment = Moment()) -> Ticket:
    """Go on with a ticket that waited. Errors: 404, 409 when it does not wait, 422."""
    ticket = await movements.continue_ticket(session, ticket_id, at=body.at)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/resolve", name="resolve", scope="tickets:write", response_model=TicketRead)
async def resolve_ticket(session: SessionDep, response: Response, ticket_id: UUID, body: Moment = Moment()) -> Ticket:
    """Say that a case is solved; it closes by itself a week later. Errors: 404, 409 when it is solved already, 422."""
    ticket = await movements.resolve_ticket(session, ticket_id, at=body.at)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/reopen", name="reopen", scope="tickets:write", response_model=TicketRead)
async def reopen_ticket(session: SessionDep, response: Response, ticket_id: UUID, body: Moment = Moment()) -> Ticket | TicketRead:
    """Go on with a resolved ticket; one closed over 30 days ago is answered with a new one that links it. Errors: 404, 409, 422."""
    ticket = await movements.reopen_ticket(session, ticket_id, at=body.at)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/watch", name="watch", scope="tickets:write", response_model=TicketRead)
async def watch_ticket(session: SessionDep, caller: CallerDep, response: Response, ticket_id: UUID, body: Watching = Watching()) -> Ticket:
    """Watch a ticket, or do no longer. Errors: 404, 422."""
    ticket = await movements.watch_ticket(session, ticket_id, body, me=caller.user_id)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/archive", name="archive", scope="tickets:write", response_model=TicketRead)
async def archive_ticket(session: SessionDep, response: Response, ticket_id: UUID) -> Ticket:
    """Hide a ticket from lists. Errors: 404."""
    ticket = await operations.archive_ticket(session, ticket_id)
    stamp(response, "ticket", ticket)
    return ticket


@router.operation("POST", "/{ticket_id}/restore", name="restore", scope="tickets:write", response_model=TicketRead)
async def restore_ticket(session: SessionDep, response: Response, ticket_id: UUID) -> Ticket:
    """Bring a ticket back to lists. Errors: 404."""
    ticket = await operations.restore_ticket(session, ticket_id)
    stamp(response, "ticket", ticket)
    return ticket
