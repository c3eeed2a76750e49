"""The HTTP routes of back-tests."""

from typing import Any
from uuid import UUID

from fastapi import Response

from services.jobs import Job, JobRead, accepted
from services.routing import Router, SessionDep

from . import operations, queries
from .schemas import BackTestRequest, Calibration

router = Router("models", prefix="/v1/models")
PLOT: dict[int | str, dict[str, Any]] = {200: {"description": "The plot", "content": {"image/png": {}}}}


class Png(Response):
    """A picture."""

    media_type = "image/png"


@router.operation("POST", "/back-test", name="back_test", scope="models:write", response_model=JobRead, status_code=202)
async def back_test(session: SessionDep, response: Response, body: BackTestRequest) -> Job:
    """Hold churn or value models against the past, as a job whose result is the report; a model that loses is rejected.

    Errors: 404, 409 no_model or wrong_state, 422 for a day whose horizon has not ended; the job: not_enough_history, leaking_feature.
    """
    return accepted(response, "analytics", await operations.ask_for_back_test(session, body))


@router.operation("GET", "/{model_id}/calibration", name="calibration", scope="models:read", response_model=Calibration)
async def get_calibration(session: SessionDep, model_id: UUID) -> object:
    """The report of the last back-test of a model. Errors: 404."""
    return (await queries.get_back_test(session, model_id)).report


@router.operation(
    "GET", "/{model_id}/calibration.png", name="calibration_plot", scope="models:read", response_class=Png, responses=PLOT
)  # fmt: skip
async def get_calibration_plot(session: SessionDep, model_id: UUID) -> Response:
    """The calibration plot of the last back-test of a model. Errors: 404."""
    return Png((await queries.get_back_test(session, model_id)).plot)
