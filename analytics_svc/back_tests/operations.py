"""Testing models on days in the past, and what follows for them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.churn.learning import FIRST_ORIGIN_DAYS
from analytics_svc.customers.models import CustomerStats
from analytics_svc.models.models import Model
from analytics_svc.models.operations import last_day_of_purchases, lock_registry, promote_model, state_of
from analytics_svc.models.queries import NoModelYet, find_champions, get_model
from analytics_svc.models.rules import NotEnoughHistoryYet, churn_model_of, decimal_text, purchase_model_of
from analytics_svc.value.families import FamilyName
from analytics_svc.value.statistics import NotEnoughHistory
from services.database import context_of, now
from services.errors import invalid_field
from services.events.analytics import ModelRejected, ModelScore, ModelValidated
from services.identifiers import new_id
from services.jobs import Job, Work, enqueue
from services.outbox import record
from services.tenants import business_day, get_tenant

from .contestants import Forecast, Trial, churn_forecasts, value_forecasts
from .models import BackTest
from .plot import draw_calibration
from .rules import Measured, best_family, check_can_test, decide_churn_verdict, decide_value_verdict, measure
from .schemas import BackTestRequest
from .trials import load_trial

USUAL_ORIGINS = 3
TOLD = ("auc", "log_loss", "brier", "ece", "gini", "deviance", "total_error")


async def ask_for_back_test(session: AsyncSession, request: BackTestRequest) -> Job:
    """Ask the worker for a back-test. Raises Invalid for a day whose horizon has not ended or a model of another kind, NotFound,
    NoModelYet, WrongState for a model that is out of the running.
    """
    last = business_day(await get_tenant(session), now(session)) - timedelta(days=request.horizon_days)
    if any(day > last for day in request.origins):
        raise invalid_field("/origins", "in_the_future", f"What comes {request.horizon_days} days later is known up to {last} only")
    models = await _tested_models(session, request)
    arguments = request.model_dump(mode="json", include={"horizon_days", "promote"}) | {
        "model_ids": [str(model.id) for model in models],
        "origins": sorted({day.isoformat() for day in request.origins}),
    }
    return await enqueue(session, "back_test", str(new_id()), arguments=arguments)


async def _tested_models(session: AsyncSession, request: BackTestRequest) -> list[Model]:
    """The named model, or those that wait: the newest churn model, the newest value model of each family; else the champion."""
    if request.model_id is not None:
        models = [await get_model(session, request.model_id)]
    else:
        waiting = select(Model).where(Model.kind == request.kind, Model.status == "trained").order_by(Model.created_at, Model.id)
        newest = {model.family if request.kind == "value" else model.kind: model for model in await session.scalars(waiting)}
        champion = (await find_champions(session)).get(request.kind)
        models = list(newest.values()) or ([champion] if champion is not None else [])
    if not models:
        raise NoModelYet(f"No {request.kind} model has been fitted yet: POST /v1/models/fit")
    for model in models:
        if model.kind == "spend":
            raise invalid_field("/model_id", "wrong_kind", "Only churn and value models are tested")
        check_can_test(model.status)
    return models


async def back_test(session: AsyncSession, work: Work) -> dict[str, Any]:
    """The job of a back-test; its result is the report of the model found valid, else of the first. Raises LeakingFeature,
    NotEnoughHistoryYet, NotFound, WrongState.
    """
    horizon_days: int = work.arguments["horizon_days"]
    models = [await get_model(session, UUID(model_id)) for model_id in work.arguments["model_ids"]]
    kind = models[0].kind
    incumbent = (await find_champions(session)).get(kind)
    if incumbent in models:
        incumbent = None
    days = [date.fromisoformat(day) for day in work.arguments["origins"]] or await _usual_origins(session, horizon_days)
    trials = []
    for done, day in enumerate(days):
        trials.append(await load_trial(session, day, horizon_days, with_features=kind == "churn"))
        await work.report(8_000 * (done + 1) // len(days), {"read": len(days), "accepted": done + 1})
    measured = await asyncio.to_thread(_compete, trials, models[0], incumbent, horizon_days)
    plot = await asyncio.to_thread(draw_calibration, measured, horizon_days)
    common = _report(kind, incumbent, horizon_days, trials, measured)
    tested = [(model, common | _verdict(model, common["origins"], measured)) for model in models]
    for model, report in tested:
        await _keep(session, model, report, plot)
        await _conclude(session, model.id, report)
    best, chosen = next(((model, report) for model, report in tested if not report["behind"]), tested[0])
    if work.arguments["promote"] and not chosen["behind"] and best.status == "validated":
        await enqueue(session, "promote_model", str(best.id), arguments={"model_id": str(best.id)})
    return chosen


def _verdict(model: Model, origins: Sequence[Mapping[str, Any]], measured: Sequence[Measured]) -> dict[str, Any]:
    if model.kind == "churn":
        behind = decide_churn_verdict(measured, combined=model.family == "mbg_nbd_logit")
    else:
        in_sample = any(origin["incumbent_in_sample"] for origin in origins)
        behind = decide_value_verdict(measured, cast(FamilyName, model.family), incumbent_in_sample=in_sample)
    return {"model_id": str(model.id), "verdict": "rejected" if behind else "validated", "behind": behind}


async def promote_validated(session: AsyncSession, work: Work) -> dict[str, Any]:
    """The job that lets a model answer which a back-test has validated. Raises WrongState where it no longer waits for it."""
    model = await promote_model(session, UUID(work.arguments["model_id"]))
    return {"model_id": str(model.id)}


async def _usual_origins(session: AsyncSession, horizon_days: int) -> list[date]:
    """Up to three days, a horizon apart, none in the first eight weeks. Raises NotEnoughHistoryYet where there is none."""
    last = await last_day_of_purchases(session, await get_tenant(session))
    first = await session.scalar(select(func.min(CustomerStats.first_on))) or last
    days = [last - timedelta(days=horizon_days * back) for back in range(USUAL_ORIGINS, 0, -1)]
    found = [day for day in days if (day - first).days >= FIRST_ORIGIN_DAYS]
    if not found:
        raise NotEnoughHistoryYet(f"The purchases from {first} to {last} leave no day eight weeks in with {horizon_days} days after it")
    return found


def _compete(trials: Sequence[Trial], model: Model, incumbent: Model | None, horizon_days: int) -> list[Measured]:
    """Each contestant over the days that have a history long enough. Raises NotEnoughHistoryYet where none has."""
    said: dict[str, list[Any]] = {}
    for trial in trials:
        try:
            found = list(_forecasts(trial, model, incumbent, horizon_days))
        except NotEnoughHistory as error:
            raise NotEnoughHistoryYet(f"Too little was known on {date.fromordinal(trial.day)}: {error}") from error
        for forecast in found:
            said.setdefault(forecast.contestant, []).append((forecast, trial.purchases))
    return [measure(contestant, days) for contestant, days in said.items()]


def _forecasts(trial: Trial, model: Model, incumbent: Model | None, horizon_days: int) -> Iterator[Forecast]:
    if model.kind == "value":
        standing = purchase_model_of(incumbent.family, incumbent.parameters) if incumbent is not None else None
        return value_forecasts(trial, horizon_days, incumbent=standing)
    champion = churn_model_of(incumbent.parameters) if incumbent is not None else None
    return churn_forecasts(trial, horizon_days, combined=model.family == "mbg_nbd_logit", incumbent=champion)


def _report(kind: str, incumbent: Model | None, horizon_days: int, trials: Sequence[Trial], measured: Sequence[Measured]) -> dict[str, Any]:
    origins = [
        {
            "as_of": date.fromordinal(trial.day).isoformat(),
            "customers": len(trial.seen),
            "buyers": int((trial.purchases > 0).sum()),
            "purchases": int(trial.purchases.sum()),
            "incumbent_in_sample": None if incumbent is None else incumbent.window_to.toordinal() > trial.day,
        }
        for trial in trials
    ]
    return {
        "kind": kind,
        "incumbent_id": str(incumbent.id) if incumbent is not None else None,
        "horizon_days": horizon_days,
        "origins": origins,
        "contestants": [asdict(each) for each in measured],
        "best_family": best_family(measured),
    }


async def _keep(session: AsyncSession, model: Model, report: Mapping[str, Any], plot: bytes) -> None:
    fresh = {"tested_at": now(session), "report": report, "plot": plot}
    statement = insert(BackTest).values(tenant_id=context_of(session).tenant_id, model_id=model.id, **fresh)
    await session.execute(statement.on_conflict_do_update(index_elements=[BackTest.tenant_id, BackTest.model_id], set_=fresh))


async def _conclude(session: AsyncSession, model_id: UUID, report: Mapping[str, Any]) -> None:
    """Move the model on as its sheet says; a champion that lost stays one until another takes its place."""
    await lock_registry(session)
    model = await get_model(session, model_id, lock=True)
    check_can_test(model.status)
    shown = {
        "incumbent_id": report["incumbent_id"],
        "horizon_days": report["horizon_days"],
        "origins": [origin["as_of"] for origin in report["origins"]],
        "scores": [_score(each) for each in report["contestants"]],
    }
    if report["verdict"] == "validated" and not model.validated:
        model.status, model.validated = ("champion" if model.status == "champion" else "validated"), True
        await record(session, model, ModelValidated(state=state_of(model), **shown))
    elif report["verdict"] == "rejected" and model.status == "trained":
        model.status = "rejected"
        await record(session, model, ModelRejected(state=state_of(model), behind=report["behind"], **shown))


def _score(measured: Mapping[str, Any]) -> ModelScore:
    numbers = {name: decimal_text(measured[name]) for name in TOLD if measured[name] is not None}
    return ModelScore(contestant=measured["contestant"], **numbers)
