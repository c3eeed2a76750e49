"""The HTTP routes of customers."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from analytics_svc.scores.models import Score
from services.paging import ListQuery, Page, page_of
from services.read_your_writes import ReadYourWrites
from services.routing import CallerDep, Router, SessionDep

from . import queries
from .schemas import CustomerRead, CustomerValue, ValueQuery

router = Router("customers", prefix="/v1/customers")


@router.operation("GET", "", name="list", scope="customers:read", response_model=Page[CustomerRead])
async def list_customers(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List customers by value, by what they brought, or by their last purchase. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(CustomerRead, await queries.list_customers(session, query, me=caller.user_id))


@router.operation("POST", "/search", name="search", scope="customers:read", response_model=Page[CustomerRead])
async def search_customers(session: SessionDep, caller: CallerDep, query: ListQuery) -> Response:
    """The list, with the filter in the body. Errors: 422."""
    return page_of(CustomerRead, await queries.list_customers(session, query, me=caller.user_id))


@router.operation("GET", "/{contact_id}/summary", name="summary", scope="customers:read", response_model=CustomerRead)
async def get_summary(session: SessionDep, contact_id: UUID) -> Score:
    """The customer's row of the list, as last scored. Errors: 404 where no purchase is known."""
    return await queries.get_summary(session, contact_id)


@router.operation("GET", "/{contact_id}/value", name="value", scope="customers:read", response_model=CustomerValue)
async def get_value(
    session: SessionDep, _written: ReadYourWrites, contact_id: UUID, query: Annotated[ValueQuery, Query()]
) -> CustomerValue:
    """What a customer is worth as of a day, as known at an instant, over a horizon.

    Waits up to 2 s for the version that `Mitra-Version` names. Errors: 404 where no purchase is known or a model does not exist, 409
    no_model, 422 for a day in the future, 503 not_applied_yet.
    """
    return await queries.get_value(session, contact_id, query)
