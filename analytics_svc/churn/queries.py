"""Reading how likely one customer is to leave."""

from typing import Literal
from uuid import UUID

from scipy.special import expit
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.customers.queries import day_asked, get_position, get_statistics, instant_asked, one_customer
from analytics_svc.customers.schemas import UsedModel
from analytics_svc.models.queries import choose_churn_model
from analytics_svc.models.rules import churn_model_of
from analytics_svc.value.statistics import DAYS_PER_WEEK
from services.database import now
from services.tenants import get_tenant

from .evidence import load_evidence
from .reasons import reasons_of, sentence
from .schemas import ChurnQuery, CustomerChurn, ReasonRead
from .scorer import explain, log_odds_of_distinct


async def get_churn(session: AsyncSession, contact_id: UUID, query: ChurnQuery) -> CustomerChurn:
    """How likely a customer is to buy nothing within a horizon, and why, worked out for the day asked from the facts alone.

    Raises Invalid for a day in the future or a model of another kind, NoPurchaseKnown, NotFound for an unknown model, NoModelYet.
    """
    tenant = await get_tenant(session)
    as_of = day_asked(query.as_of, tenant, at=now(session))
    known_at = instant_asked(query.known_at, at=now(session))
    bought = await get_statistics(session, contact_id, as_of=as_of, known_at=known_at)
    chosen = await choose_churn_model(session, [query.model_id] if query.model_id is not None else [])
    model = churn_model_of(chosen.parameters)
    seen = await load_evidence(session, one_customer(bought, as_of), as_of, known_at=known_at)
    leaving = explain(model, seen, query.horizon)
    basis: Literal["closed_form", "combined"] = "closed_form" if chosen.family == "mbg_nbd" else "combined"
    return CustomerChurn(
        contact_id=contact_id,
        as_of=as_of,
        known_at=query.known_at,
        horizon_days=query.horizon,
        churn=float(leaving.probability[0]),
        churn_closed_form=float(expit(-log_odds_of_distinct(model.closed_form, seen, query.horizon / DAYS_PER_WEEK)[0])),
        log_odds=float(leaving.log_odds[0]),
        average_log_odds=leaving.average,
        basis=basis,
        reasons=[
            ReasonRead(
                code=reason.code,
                number=reason.number,
                usual=reason.usual,
                contribution=reason.contribution,
                sentence=sentence(reason.code, reason.number, reason.usual, currency=tenant.currency),
            )
            for reason in reasons_of(leaving, seen)[0]
        ],
        model=UsedModel.model_validate(chosen),
        in_sample=chosen.window_to > as_of,
        position=await get_position(session, contact_id, as_of=as_of, known_at=known_at),
    )
