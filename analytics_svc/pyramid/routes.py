"""The HTTP route of the pyramid."""

from services.routing import Router, SessionDep

from . import queries
from .schemas import Pyramid

router = Router("pyramid", prefix="/v1/pyramid")


@router.operation("GET", "", name="get", scope="customers:read", response_model=Pyramid)
async def get_pyramid(session: SessionDep) -> Pyramid:
    """Customers by tier: how many, what they have brought, what they are worth and what is at stake. Errors: 503 tenant_not_ready."""
    return await queries.get_pyramid(session)
