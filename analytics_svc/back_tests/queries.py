"""Reading the last back-test of a model."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.models.queries import get_model
from services.database import context_of
from services.errors import NotFound

from .models import BackTest


class NeverTested(NotFound):
    """The model has not been held against the past yet."""

    code = "never_tested"


async def get_back_test(session: AsyncSession, model_id: UUID) -> BackTest:
    """The last back-test of a model. Raises NotFound for an unknown model, NeverTested."""
    await get_model(session, model_id)
    found = await session.get(BackTest, (context_of(session).tenant_id, model_id))
    if found is None:
        raise NeverTested(f"The model {model_id} has not been tested yet: POST /v1/models/back-test")
    return found
