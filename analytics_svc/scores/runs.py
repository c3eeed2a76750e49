"""One run of scoring: for which tenant, as of which day, and with which models."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.churn.scorer import ChurnModel
from analytics_svc.models.queries import find_champions, valuer_of
from analytics_svc.models.rules import churn_model_of
from services.database import context_of, now
from services.tenants import Tenant, business_day
from services.timers import arm

from .rules import Valuer

QUIET_SECONDS = 10.0
ONE_RUN = text("SELECT pg_advisory_xact_lock(7106, hashtext(:tenant))")


@dataclass(frozen=True, slots=True)
class Run:
    """A run scores the customers of `tenant` as of its own `today`; without both champions it has no valuer and no value, and without
    that of churn no churn.
    """

    tenant: Tenant
    today: date
    at: datetime
    value_model_id: UUID | None
    spend_model_id: UUID | None
    valuer: Valuer | None
    churn_model_id: UUID | None
    churn: ChurnModel | None


async def open_run(session: AsyncSession) -> Run | None:
    """Begin a run, one at a time per tenant so that no older value overwrites a newer; None while the tenant is not known here.

    Where a champion is missing, a first fit is asked for: ten seconds after the last run, so not in the middle of an import.
    """
    tenant = await session.get(Tenant, context_of(session).tenant_id)
    if tenant is None:
        return None
    await session.execute(ONE_RUN, {"tenant": str(tenant.id)})
    at = now(session)
    champions = await find_champions(session)
    value, spend = champions.get("value"), champions.get("spend")
    churn = champions.get("churn")
    if value is None or spend is None or churn is None:
        await arm(session, "fit_first_models", "first", run_at=at + timedelta(seconds=QUIET_SECONDS))
    return Run(
        tenant=tenant,
        today=business_day(tenant, at),
        at=at,
        value_model_id=value.id if value is not None and spend is not None else None,
        spend_model_id=spend.id if value is not None and spend is not None else None,
        valuer=valuer_of(value, spend, currency=tenant.currency) if value is not None and spend is not None else None,
        churn_model_id=churn.id if churn is not None else None,
        churn=churn_model_of(churn.parameters) if churn is not None else None,
    )
