"""The HTTP route of results."""

from uuid import UUID

from services.routing import Router, SessionDep

from . import queries
from .schemas import LiftRead

router = Router("campaigns", prefix="/v1/campaigns")


@router.operation("GET", "/{campaign_id}/lift", name="lift", scope="campaigns:read", response_model=LiftRead)
async def measure_lift(session: SessionDep, campaign_id: UUID) -> LiftRead:
    """What a campaign did, against those who were held out of it. Errors: 404, 409 before it has begun."""
    return await queries.measure_lift(session, campaign_id)
