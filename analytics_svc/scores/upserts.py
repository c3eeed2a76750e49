"""The set-based statements that write scores: one for the scores of a run, one for what is told of them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Double, Subquery, Text, Uuid, cast, column, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from analytics_svc.customers.models import CustomerStats

from .models import PublishedScore, Score
from .runs import Run

COMPUTED: Mapping[str, type[TypeEngine[Any]]] = {
    "contact_id": Uuid,
    "margin_to_date_minor": BigInteger,
    "lifetime_value_minor": BigInteger,
    "expected_spend_minor": BigInteger,
    "expected_purchases": Double,
    "p_alive": Double,
    "p_buys": Double,
    "churn_bps": BigInteger,
    "value_at_risk_minor": BigInteger,
    "reasons": Text,
}
TOLD: Mapping[str, type[TypeEngine[Any]]] = {"lifetime_value_minor": BigInteger, "tier": Text, "churn_bps": BigInteger}
COPIED = {"revenue_to_date_minor": CustomerStats.revenue_minor} | {
    name: getattr(CustomerStats, name) for name in ("first_on", "last_on", "purchase_days", "repeat_days", "orders", "orders_without_rate")
}


async def write_scores(session: AsyncSession, run: Run, computed: Mapping[str, Sequence[Any]]) -> None:
    """Write the scores of customers: the `computed` columns (see COMPUTED, in order of the contacts) beside their statistics."""
    rows = _rows(computed, COMPUTED)
    common = {
        "tenant_id": run.tenant.id,
        "as_of": run.today,
        "scored_at": run.at,
        "currency": run.tenant.currency,
        "value_model_id": run.value_model_id,
        "spend_model_id": run.spend_model_id,
        "churn_model_id": run.churn_model_id,
    }
    source: dict[str, Any] = {name: literal(value, Score.__table__.c[name].type) for name, value in common.items()}
    source |= COPIED | {name: rows.c[name] for name in COMPUTED} | {"reasons": cast(rows.c.reasons, JSONB)}
    chosen = select(*source.values()).join_from(rows, CustomerStats, CustomerStats.contact_id == rows.c.contact_id)
    statement = insert(Score).from_select(list(source), chosen.where(CustomerStats.purchase_days > 0))
    fresh = {name: statement.excluded[name] for name in source if name not in ("tenant_id", "contact_id")}
    await session.execute(statement.on_conflict_do_update(index_elements=[Score.tenant_id, Score.contact_id], set_=fresh))


async def write_told(session: AsyncSession, run: Run, states: Mapping[UUID, Mapping[str, Any]]) -> Sequence[Any]:
    """Keep what is told now of each contact and move its version; answers id, version, partition_key, created_at, updated_at."""
    table = PublishedScore.__table__.c
    told_of = {"id": list(states)} | {name: [state.get(name) for state in states.values()] for name in TOLD}
    rows = _rows(told_of, {"id": Uuid, **TOLD})
    source: dict[str, Any] = {
        "tenant_id": literal(run.tenant.id),
        "id": rows.c.id,
        "version": literal(1, BigInteger),
        "partition_key": func.concat(literal(f"{run.tenant.id}:", Text), rows.c.id),
        "created_at": literal(run.at, table.created_at.type),
        "updated_at": literal(run.at, table.updated_at.type),
        "currency": literal(run.tenant.currency, Text),
        **{name: rows.c[name] for name in TOLD},
    }
    statement: Insert = insert(PublishedScore).from_select(list(source), select(*source.values()))
    moved = {
        "version": table.version + 1,
        "updated_at": func.greatest(table.updated_at, statement.excluded.updated_at),
        **{name: statement.excluded[name] for name in TOLD},
    }
    told = ("id", "version", "partition_key", "created_at", "updated_at")
    statement = statement.on_conflict_do_update(index_elements=[table.tenant_id, table.id], set_=moved)
    return (await session.execute(statement.returning(*(table[name] for name in told)))).all()


def _rows(columns: Mapping[str, Sequence[Any]], types: Mapping[str, type[TypeEngine[Any]]]) -> Subquery:
    """Parallel lists as rows: one array of each column, however many rows there are."""
    arrays = [literal(list(columns[name]), ARRAY(kind)) for name, kind in types.items()]
    listed = func.unnest(*arrays).table_valued(*(column(name, kind) for name, kind in types.items())).render_derived()
    return select(*listed.c).subquery("listed")
