"""The HTTP routes of cohorts."""

from typing import Annotated

from fastapi import Query, Request

from services.read_your_writes import ReadYourWrites
from services.routing import Router, SessionDep

from . import queries
from .schemas import CohortQuery, Cohorts, HistoryQuery, RepeatIntervals

router = Router("cohorts", prefix="/v1/cohorts")


@router.operation("GET", "", name="get", scope="customers:read", response_model=Cohorts)
async def get_cohorts(request: Request, session: SessionDep, _written: ReadYourWrites, query: Annotated[CohortQuery, Query()]) -> Cohorts:
    """Orders by month and cohort: who bought first in which month, and what they bought since, over the whole history.

    A question about everybody takes a second or more; one is answered at a time. Errors: 422 for a day in the future, 503
    history_unavailable where no answer comes in time, 503 not_applied_yet, tenant_not_ready.
    """
    return await queries.get_cohorts(session, request.app.state.settings, query)


@router.operation("GET", "/repeat-intervals", name="repeat_intervals", scope="customers:read", response_model=RepeatIntervals)
async def get_repeat_intervals(
    request: Request, session: SessionDep, _written: ReadYourWrites, query: Annotated[HistoryQuery, Query()]
) -> RepeatIntervals:
    """How many customers come back, and how many days lie between one purchase day and the next, over the whole history.

    Errors: 422 for a day in the future, 503 history_unavailable where no answer comes in time, 503 not_applied_yet, tenant_not_ready.
    """
    return await queries.get_repeat_intervals(session, request.app.state.settings, query)
