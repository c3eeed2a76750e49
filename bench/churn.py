"""How long the sweep takes that scores every customer of a company of 100,000: value, churn with reasons, tiers, and what is told."""

import asyncio
import time
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.churn.features import FEATURES, Evidence
from analytics_svc.churn.learning import Learnt
from analytics_svc.churn.scorer import ChurnModel, explain, means_of
from analytics_svc.churn.signals import SIGNALS
from analytics_svc.customers.models import CustomerStats
from analytics_svc.models.models import Model
from analytics_svc.models.rules import Fitted, fitted, fitted_churn
from analytics_svc.scores.operations import ask_for_all_scores
from analytics_svc.scores.rules import Cohort, Valuer, value_customers
from analytics_svc.value import bg_nbd, gamma_gamma, mbg_nbd
from analytics_svc.value.families import PurchaseModel
from bench.populations import Population, generate
from bench.stage import open_stage
from services.database import birth
from services.identifiers import new_id
from tests.harness import Mitra

CUSTOMERS = 100_000
MOST_SECONDS = 60.0
AT_ONCE = 5_000


def rows() -> list[dict[str, Any]]:
    """The rows of the table: the first sweep, which tells of everybody, and the next day's."""
    return asyncio.run(measure())


async def measure() -> list[dict[str, Any]]:
    """Fill a company, sweep, let a day pass, and sweep again."""
    async with open_stage() as mitra:
        tenant_id = await mitra.new_tenant()
        seen = evidence_of(generate(CUSTOMERS))
        alone = await _fill(mitra, tenant_id, seen)
        first = await _sweep(mitra, tenant_id)
        mitra.clock.advance(days=1)
        second = await _sweep(mitra, tenant_id)
    return [_row("everybody told", first, alone), _row("the day after", second, alone)]


def evidence_of(population: Population) -> Evidence:
    """The population as the churn model sees it, with amounts and without signals."""
    spend = np.rint(np.maximum(population.mean_spend, 10.0) * 100).astype(np.int64)
    nothing = np.zeros(len(spend), dtype=np.int64)
    days = (population.x, population.t_x, population.age)
    money = (population.x, spend * population.x, spend * (population.x + 1), nothing, nothing, spend)
    return Evidence(Cohort(sorted(new_id() for _ in spend), *days, *money), dict.fromkeys(SIGNALS, nothing), 100)


async def _fill(mitra: Mitra, tenant_id: UUID, seen: Evidence) -> float:
    """Write customers and champions; answers the seconds that the arithmetic of a sweep takes by itself."""
    cohort, today = seen.cohort, mitra.clock().date()
    histories = cohort.histories()[0]
    value, spend, closed = bg_nbd.fit(histories), gamma_gamma.fit(cohort.spend_days, cohort.mean_spend(100)), mbg_nbd.fit(histories)
    churn = ChurnModel(closed.parameters, -0.7, 0.4, 0.6, dict.fromkeys(FEATURES, 0.1), means_of(seen, list(FEATURES)))
    started = time.perf_counter()
    value_customers(cohort, Valuer(PurchaseModel("bg_nbd", value.parameters), spend.parameters, 100, None))
    explain(churn, seen)
    alone = time.perf_counter() - started
    learnt = Learnt(churn, "mbg_nbd_logit", closed, closed.log_likelihood)
    async with mitra.session("analytics", tenant_id) as session:
        stats = _statistics(tenant_id, cohort, today)
        for start in range(0, CUSTOMERS, AT_ONCE):
            await session.execute(insert(CustomerStats), stats[start : start + AT_ONCE])
        for kind, kept in (("value", fitted("bg_nbd", value)), ("spend", fitted("gamma_gamma", spend)), ("churn", fitted_churn(learnt))):
            await session.execute(insert(Model), [_champion(session, kind, kept, today)])
        await session.commit()
    return alone


def _statistics(tenant_id: UUID, cohort: Cohort, today: date) -> list[dict[str, Any]]:
    names = ("repeat_days", "spend_days", "spend_minor", "revenue_minor", "last_spend_minor", "costed_revenue_minor", "costed_margin_minor")
    columns = [getattr(cohort, name).tolist() for name in names]
    days = zip(cohort.contact_ids, cohort.recency_days.tolist(), cohort.age_days.tolist(), strict=True)
    found = []
    for (contact_id, recency, age), *numbers in zip(days, *columns, strict=True):
        first = today - timedelta(days=age)
        row = dict(zip(names, numbers, strict=True)) | {"tenant_id": tenant_id, "contact_id": contact_id, "currency": "USD"}
        bought = row["repeat_days"] + 1
        span = {"first_on": first, "last_on": first + timedelta(days=recency), "purchase_days": bought, "orders": bought}
        found.append(row | span | {"orders_without_rate": 0})
    return found


def _champion(session: AsyncSession, kind: str, kept: Fitted, today: date) -> dict[str, Any]:
    window = {"window_from": today - timedelta(days=547), "window_to": today, "known_at": session.info["clock"](), "currency": "USD"}
    made = {"family": kept.family, "log_likelihood": "0", "parameters": kept.parameters, "customers": CUSTOMERS, "margin_rate": None}
    return birth(session, new_id()) | window | made | {"kind": kind, "status": "champion", "validated": True}


async def _sweep(mitra: Mitra, tenant_id: UUID) -> tuple[float, int]:
    async with mitra.session("analytics", tenant_id) as session:
        await ask_for_all_scores(session)
        await session.commit()
    before = len(await mitra.outbox("analytics"))
    worker = mitra.workers["analytics"]
    async with mitra.databases["analytics"].engine.connect() as connection:
        started = time.perf_counter()
        while await worker.jobs.step(connection):
            pass
        seconds = time.perf_counter() - started
    return seconds, len(await mitra.outbox("analytics")) - before


def _row(when: str, swept: tuple[float, int], alone: float) -> dict[str, Any]:
    seconds, told = swept
    return {
        "what": f"score sweep, {CUSTOMERS:,} customers, {when} ({told:,} events), seconds",
        "measured": seconds,
        "baseline": alone,
        "baseline_is": "value and churn of all of them in numpy alone, seconds",
        "bar": f"≤ {MOST_SECONDS:.0f}",
        "holds": seconds <= MOST_SECONDS,
    }


if __name__ == "__main__":
    for row in rows():
        print(row)
