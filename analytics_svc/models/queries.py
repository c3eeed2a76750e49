"""Reading models, and what they forecast."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.customers.cohorts import load_cohort
from analytics_svc.scores.rules import Floats, Integers, Valuer
from analytics_svc.value import families
from analytics_svc.value.statistics import DAYS_PER_WEEK
from services.database import now
from services.errors import Conflict, NotFound, invalid_field
from services.filters import Bindings, Field, FilterFields
from services.money import digits_of
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered

from .models import Model
from .rules import purchase_model_of, spend_parameters
from .schemas import Forecast, ForecastGroup

FIELDS: FilterFields = {
    "id": Field("id", Model.id),
    "kind": Field("choice", Model.kind),
    "family": Field("choice", Model.family),
    "status": Field("choice", Model.status),
    "validated": Field("boolean", Model.validated),
    "window_from": Field("date", Model.window_from),
    "window_to": Field("date", Model.window_to),
    "customers": Field("number", Model.customers),
    "created_at": Field("instant", Model.created_at),
}
ORDERS = {"created_at": Order(Model.created_at, datetime)}
LAST_GROUP = 7


class NoModelYet(Conflict):
    """No model answers for this tenant yet."""

    code = "no_model"


class NotAValueModel(Conflict):
    """Only value models forecast purchases."""

    code = "not_a_value_model"


async def get_model(session: AsyncSession, model_id: UUID, *, lock: bool = False) -> Model:
    """The model, locked for a change if asked. Raises NotFound."""
    model = await session.get(Model, model_id, with_for_update=lock or None)
    if model is None:
        raise NotFound(f"There is no model {model_id}")
    return model


async def list_models(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the models."""
    statement = filtered(all_of(Model), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Model.id, orders=ORDERS, default="-created_at")


async def find_champions(session: AsyncSession) -> Mapping[str, Model]:
    """The models that answer now, by kind."""
    return {model.kind: model for model in await session.scalars(select(Model).where(Model.status == "champion"))}


async def choose_models(session: AsyncSession, model_ids: Sequence[UUID]) -> tuple[Model, Model]:
    """The value and the spend model to answer with: the named ones, the champion of a kind that none is named of.

    Raises NotFound for a name without a model, Invalid for two of a kind, NoModelYet.
    """
    value, spend = await _choose(session, model_ids, ("value", "spend"))
    return value, spend


async def choose_churn_model(session: AsyncSession, model_ids: Sequence[UUID]) -> Model:
    """The churn model to answer with: the named one, or the champion. Raises as `choose_models` does."""
    (chosen,) = await _choose(session, model_ids, ("churn",))
    return chosen


async def _choose(session: AsyncSession, model_ids: Sequence[UUID], kinds: Sequence[str]) -> list[Model]:
    named = [await get_model(session, model_id) for model_id in model_ids]
    if any(model.kind not in kinds for model in named):
        raise invalid_field("#query/model_id", "wrong_kind", f"This answer rests on models of the kind {' and '.join(kinds)}")
    if len({model.kind for model in named}) < len(named):
        raise invalid_field("#query/model_id", "two_of_a_kind", "Name at most one model of each kind")
    chosen = {**await find_champions(session), **{model.kind: model for model in named}}
    if any(kind not in chosen for kind in kinds):
        raise NoModelYet("No model has been fitted yet: POST /v1/models/fit, or wait until enough customers have bought twice")
    return [chosen[kind] for kind in kinds]


def valuer_of(value: Model, spend: Model, *, currency: str) -> Valuer:
    """What two models work values out with, in a tenant's currency."""
    rate = float(spend.margin_rate) if spend.margin_rate is not None else None
    return Valuer(purchase_model_of(value.family, value.parameters), spend_parameters(spend.parameters), 10 ** digits_of(currency), rate)


async def forecast(session: AsyncSession, model_id: UUID, *, from_day: date, to_day: date) -> Forecast:
    """What the customers of a value model's window are expected to buy from one day to another, given all their purchases in it.

    They are those that the facts known when it was fitted show. Raises NotFound, NotAValueModel, Invalid for days in the window.
    """
    model = await get_model(session, model_id)
    if model.kind != "value":
        raise NotAValueModel("Only models of the kind 'value' forecast purchases")
    _check_days(model, from_day, to_day)
    cohort = await load_cohort(session, model.window_to, known_at=model.known_at)
    histories, row = cohort.histories()
    purchases = purchase_model_of(model.family, model.parameters)
    before, until = (((day - model.window_to).days) / DAYS_PER_WEEK for day in (from_day, to_day))
    before -= 1 / DAYS_PER_WEEK
    alive = families.p_alive(purchases, histories)
    later, earlier = (families.expected_purchases(purchases, histories, weeks, alive=alive) for weeks in (until, before))
    expected = (later - earlier)[row]
    return Forecast(
        model_id=model.id,
        window_to=model.window_to,
        from_day=from_day,
        to_day=to_day,
        customers=len(cohort),
        expected_purchases=float(expected.sum()),
        groups=list(_groups(cohort.repeat_days, expected)),
    )


def _check_days(model: Model, from_day: date, to_day: date) -> None:
    if from_day <= model.window_to:
        raise invalid_field("#query/from", "in_window", f"A forecast starts after the model's window, which ends on {model.window_to}")
    if to_day < from_day or (to_day - model.window_to).days > 36_500:
        raise invalid_field("#query/to", "range", "A forecast ends on a day after it starts, within a hundred years")


def _groups(repeat_days: Integers, expected: Floats) -> Iterator[ForecastGroup]:
    for x in range(LAST_GROUP + 1):
        wanted = repeat_days == x if x < LAST_GROUP else repeat_days >= LAST_GROUP
        if wanted.any():
            mean = float(np.mean(expected[wanted]))
            yield ForecastGroup(x=x, or_more=x == LAST_GROUP, customers=int(wanted.sum()), mean_expected_purchases=mean)
