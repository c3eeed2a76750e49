"""The HTTP route of churn."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.read_your_writes import ReadYourWrites
from services.routing import Router, SessionDep

from . import queries
from .schemas import ChurnQuery, CustomerChurn

router = Router("customers", prefix="/v1/customers")


@router.operation("GET", "/{contact_id}/churn", name="churn", scope="customers:read", response_model=CustomerChurn)
async def get_churn(
    session: SessionDep, _written: ReadYourWrites, contact_id: UUID, query: Annotated[ChurnQuery, Query()]
) -> CustomerChurn:
    """How likely a customer is to buy nothing within a horizon (default 180 days), with the reasons, largest first.

    Waits up to 2 s for the version that `Mitra-Version` names. Errors: 404 where no purchase is known or the model does not exist, 409
    no_model, 422 for a day in the future or a model of another kind, 503 not_applied_yet.
    """
    return await queries.get_churn(session, contact_id, query)
