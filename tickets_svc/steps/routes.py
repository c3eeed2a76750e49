"""The HTTP route of steps."""

from services.batch import BatchAnswer
from services.routing import CallerDep, Router, SessionDep

from . import operations
from .schemas import Steps

router = Router("tickets", prefix="/v1/tickets")


@router.operation("POST", "/steps", name="steps", scope="tickets:write", response_model=BatchAnswer)
async def take_steps(session: SessionDep, caller: CallerDep, body: Steps) -> BatchAnswer:
    """Take up to 500 steps, each with an answer of its own: 201 taken, 200 taken before under this key. Errors: 422."""
    return await operations.take_steps(session, body, me=caller.user_id)
