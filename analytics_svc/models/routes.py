"""The HTTP routes of models."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.jobs import Job, JobRead, accepted
from services.paging import ListQuery, Page, page_of
from services.preconditions import stamp
from services.routing import CallerDep, Router, SessionDep
from services.showing import show_record

from . import operations, queries
from .models import Model
from .schemas import FitRequest, Forecast, ModelRead

router = Router("models", prefix="/v1/models")


@router.operation("GET", "", name="list", scope="models:read", response_model=Page[ModelRead])
async def list_models(session: SessionDep, caller: CallerDep, query: Annotated[ListQuery, Query()]) -> Response:
    """List models. Errors: 422 for a wrong filter, order or cursor."""
    return page_of(ModelRead, await queries.list_models(session, query, me=caller.user_id))


@router.operation("POST", "/fit", name="fit", scope="models:write", response_model=JobRead, status_code=202)
async def fit_models(session: SessionDep, response: Response, body: FitRequest) -> Job:
    """Fit models to the purchases known by a day, as a job. Errors: 422 for a day in the future; the job: not_enough_history."""
    return accepted(response, "analytics", await operations.ask_for_fit(session, body))


@router.operation("GET", "/{model_id}", name="get", scope="models:read", response_model=ModelRead)
async def get_model(session: SessionDep, model_id: UUID) -> Response:
    """Read a model: its parameters with standard errors, its log-likelihood and its window. Errors: 404."""
    return await show_record(session, Model, model_id, schema=ModelRead, noun="model")


@router.operation("POST", "/{model_id}/promote", name="promote", scope="models:write", response_model=ModelRead)
async def promote_model(session: SessionDep, response: Response, model_id: UUID) -> Model:
    """Let a model answer from now on in place of the champion of its kind: one that is validated, or a spend model that is trained.

    Errors: 404, 409 for any other state.
    """
    model = await operations.promote_model(session, model_id)
    stamp(response, "model", model)
    return model


@router.operation("GET", "/{model_id}/forecast", name="forecast", scope="models:read", response_model=Forecast)
async def forecast(
    session: SessionDep,
    model_id: UUID,
    from_day: Annotated[date, Query(alias="from")],
    to_day: Annotated[date, Query(alias="to")],
) -> Forecast:
    """The purchases expected of the customers in the model's window, from one day to another. Errors: 404, 409 for a spend model, 422."""
    return await queries.forecast(session, model_id, from_day=from_day, to_day=to_day)
