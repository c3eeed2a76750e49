"""Fitting models, and deciding which of them answers."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.churn.evidence import load_person_periods
from analytics_svc.churn.learning import learn
from analytics_svc.customers.cohorts import load_cohort
from analytics_svc.customers.models import CustomerStats
from analytics_svc.facts.models import Fact
from analytics_svc.scores.operations import ask_for_all_scores
from analytics_svc.scores.rules import Cohort, company_rate
from analytics_svc.value import families, gamma_gamma
from analytics_svc.value.families import FamilyName
from analytics_svc.value.statistics import NotEnoughHistory
from services.database import birth, context_of, now
from services.errors import invalid_field
from services.events.analytics import ModelPromoted, ModelRetired, ModelState, ModelTrained
from services.identifiers import new_id
from services.jobs import Job, Work, enqueue
from services.money import digits_of
from services.outbox import record, record_many
from services.tenants import Tenant, business_day, get_tenant

from .models import Model
from .queries import find_champions, get_model
from .rules import KINDS, Fitted, ModelKind, NotEnoughHistoryYet, check_can_promote, check_fit, decimal_text, fitted, fitted_churn
from .schemas import FitRequest

FEWEST_REPEATERS = 100
ONE_REGISTRY = text("SELECT pg_advisory_xact_lock(7105, hashtext(:tenant))")


async def ask_for_fit(session: AsyncSession, request: FitRequest) -> Job:
    """Ask the worker for a fit. Raises Invalid for a day that has not ended anywhere in the past, Unavailable."""
    tenant = await get_tenant(session)
    if request.as_of is not None and request.as_of > business_day(tenant, now(session)):
        raise invalid_field("/as_of", "in_the_future", "What will have been bought by then is not known")
    wanted = {"kinds": sorted(set(request.kinds)), "families": list(dict.fromkeys(request.families))}
    arguments = {"as_of": request.as_of and request.as_of.isoformat(), **wanted}
    return await enqueue(session, "fit_models", str(new_id()), arguments=arguments)


async def fit_models(session: AsyncSession, work: Work) -> dict[str, Any]:
    """The job of a fit that was asked for. Raises NotEnoughHistoryYet, FitDidNotConverge, SpendHasNoMean, Unavailable."""
    as_of = work.arguments["as_of"]
    until = date.fromisoformat(as_of) if as_of else None
    return await _fit_kinds(session, work.arguments["kinds"], as_of=until, named=work.arguments["families"])


async def fit_first_models(session: AsyncSession, _work: Work) -> dict[str, Any]:
    """The job that fits what has no champion yet, once a hundred customers have bought on two days or more."""
    champions = await find_champions(session)
    missing = [kind for kind in KINDS if kind not in champions]
    repeaters = select(CustomerStats.contact_id).where(CustomerStats.repeat_days > 0).limit(FEWEST_REPEATERS).subquery()
    if not missing or (await session.scalar(select(func.count()).select_from(repeaters)) or 0) < FEWEST_REPEATERS:
        return {"model_ids": []}
    return await _fit_kinds(session, missing, as_of=None)


async def _fit_kinds(
    session: AsyncSession, kinds: Sequence[ModelKind], *, as_of: date | None, named: Sequence[FamilyName] = ()
) -> dict[str, Any]:
    tenant = await get_tenant(session)
    until = as_of or await last_day_of_purchases(session, tenant)
    known_at = await session.scalar(select(func.max(Fact.recorded_at)).where(Fact.occurred_on <= until)) or now(session)
    cohort = await load_cohort(session, until, known_at=known_at)
    fits = [(kind, fit) for kind in kinds for fit in await _fits(session, kind, cohort, until=until, known_at=known_at, named=named)]
    await lock_registry(session)
    champions = await find_champions(session)
    first = {kind: fit.family for kind, fit in reversed(fits) if kind not in champions}
    rate = company_rate(cohort)
    common = {
        "window_from": _first_day(cohort, until),
        "window_to": until,
        "known_at": known_at,
        "currency": tenant.currency,
        "margin_rate": decimal_text(rate) if rate is not None else None,
    }
    rows = [_row(session, kind, fit, is_first=first.get(kind) == fit.family) | common for kind, fit in fits]
    await session.execute(insert(Model), rows)
    models = [Model(**row) for row in rows]
    await record_many(session, [(model, ModelTrained(state=state_of(model)), None) for model in models])
    await ask_for_all_scores(session)
    return {"model_ids": [str(model.id) for model in models]}


async def last_day_of_purchases(session: AsyncSession, tenant: Tenant) -> date:
    """The last day on which anybody bought, at most today: a history that was imported ends where it ends, not today."""
    today = business_day(tenant, now(session))
    last = await session.scalar(select(func.max(CustomerStats.last_on)))
    return min(last, today) if last is not None else today


async def _fits(
    session: AsyncSession, kind: ModelKind, cohort: Cohort, *, until: date, known_at: datetime, named: Sequence[FamilyName]
) -> list[Fitted]:
    """The fits of one kind, in a thread; of the kind `value` one of each family.

    Raises NotEnoughHistoryYet, FitDidNotConverge, SpendHasNoMean.
    """
    minor_per_major = 10 ** digits_of((await get_tenant(session)).currency)
    try:
        if kind == "churn":
            seen, origins = await load_person_periods(session, cohort, until, known_at=known_at)
            learnt = await asyncio.to_thread(learn, seen, origins)
            check_fit(learnt.closed_form)
            return [fitted_churn(learnt)]
        if kind == "value":
            histories = cohort.histories()[0]
            wanted = named or [await _family_in_use(session)]
            return [fitted(family, await asyncio.to_thread(families.fit, family, histories)) for family in wanted]
        spend = await asyncio.to_thread(gamma_gamma.fit, cohort.spend_days, cohort.mean_spend(minor_per_major))
    except NotEnoughHistory as error:
        raise NotEnoughHistoryYet(f"Too little is known for a model of the kind '{kind}': {error}") from error
    return [fitted("gamma_gamma", spend)]


async def _family_in_use(session: AsyncSession) -> FamilyName:
    """The family of the value model that answers; BG/NBD before there is one."""
    champion = (await find_champions(session)).get("value")
    return cast(FamilyName, champion.family) if champion is not None else "bg_nbd"


def _first_day(cohort: Cohort, until: date) -> date:
    return until - timedelta(days=int(cohort.age_days.max()))


def _row(session: AsyncSession, kind: ModelKind, fit: Fitted, *, is_first: bool) -> dict[str, Any]:
    return {
        **birth(session, new_id()),
        "kind": kind,
        "family": fit.family,
        "status": "champion" if is_first else "trained",
        "validated": False,
        "customers": round(fit.customers),
        "log_likelihood": decimal_text(fit.log_likelihood),
        "parameters": fit.parameters,
    }


async def lock_registry(session: AsyncSession) -> None:
    """One change of a tenant's models at a time, to the end of the transaction."""
    await session.execute(ONE_REGISTRY, {"tenant": str(context_of(session).tenant_id)})


async def promote_model(session: AsyncSession, model_id: UUID) -> Model:
    """Let a model answer from now on: one that is validated, or a spend model that is trained; the former champion of its kind is
    retired. Raises NotFound, WrongState.
    """
    await lock_registry(session)
    model = await get_model(session, model_id, lock=True)
    check_can_promote(model.kind, model.status)
    former = (await find_champions(session)).get(model.kind)
    if former is not None:
        former = await get_model(session, former.id, lock=True)
        former.status = "retired"
        await record(session, former, ModelRetired(state=state_of(former)))
    model.status = "champion"
    await record(session, model, ModelPromoted(state=state_of(model)))
    await ask_for_all_scores(session)
    return model


def state_of(model: Model) -> ModelState:
    """The public state of a model."""
    return ModelState.model_validate(model)
