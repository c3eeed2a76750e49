"""Reading opportunities, and the stages that they went through."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Uuid, bindparam, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived
from services.tenants import get_tenant

from .models import Opportunity, StageEntry
from .rules import seconds_between
from .schemas import StageHistory, StageStay

FIELDS: FilterFields = {
    "id": Field("id", Opportunity.id),
    "name": Field("text", Opportunity.name),
    "contact_id": Field("id", Opportunity.contact_id),
    "pipeline_id": Field("id", Opportunity.pipeline_id),
    "stage_id": Field("id", Opportunity.stage_id),
    "stage_since": Field("instant", Opportunity.stage_since),
    "status": Field("choice", Opportunity.status),
    "currency": Field("choice", Opportunity.currency),
    "amount_minor": Field("number", Opportunity.amount_minor),
    "probability_bps": Field("number", Opportunity.probability_bps),
    "probability_source": Field("choice", Opportunity.probability_source),
    "expected_close_on": Field("date", Opportunity.expected_close_on),
    "opened_at": Field("instant", Opportunity.opened_at),
    "closed_at": Field("instant", Opportunity.closed_at),
    "stalled_since": Field("instant", Opportunity.stalled_since),
    "source": Field("choice", Opportunity.source),
    "channel": Field("choice", Opportunity.channel),
    "campaign_id": Field("id", Opportunity.campaign_id),
    "partner_id": Field("id", Opportunity.partner_id),
    "reason_id": Field("id", Opportunity.reason_id),
    "owner_id": Field("id", Opportunity.owner_id),
    "tags": Field("tags", Opportunity.tags),
    "created_at": Field("instant", Opportunity.created_at),
    "updated_at": Field("instant", Opportunity.updated_at),
}
ORDERS = {
    "created_at": Order(Opportunity.created_at, datetime),
    "updated_at": Order(Opportunity.updated_at, datetime),
    "opened_at": Order(Opportunity.opened_at, datetime),
    "stage_since": Order(Opportunity.stage_since, datetime),
    "amount_minor": Order(Opportunity.amount_minor, int),
}
_WANTED = func.unnest(bindparam("ids", type_=ARRAY(Uuid))).table_valued("id", name="wanted").render_derived()
_LOCKED = (
    select(Opportunity.__table__).where(Opportunity.__table__.c.id == _WANTED.c.id).with_for_update().correlate(_WANTED).lateral("locked")
)
_LOCK = select(_LOCKED).select_from(_WANTED.join(_LOCKED, true()))
"""Locks row by row in the order of the ids, each found by its key: an IN is answered by a scan while the table has no statistics."""


async def get_opportunity(session: AsyncSession, opportunity_id: UUID, *, lock: bool = False) -> Opportunity:
    """The opportunity, locked for a change if asked. Raises NotFound."""
    opportunity = await session.get(Opportunity, opportunity_id, with_for_update=lock or None)
    if opportunity is None:
        raise NotFound(f"There is no opportunity {opportunity_id}")
    return opportunity


async def lock_opportunities(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """The rows of those that exist, locked in the order of their ids, so that two requests cannot lock each other out."""
    found = await session.execute(_LOCK, {"ids": sorted(set(ids))})
    return {row["id"]: dict(row) for row in found.mappings()}


async def list_opportunities(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the opportunities that are not archived; dates in the filter are those of the tenant's zone."""
    at = now(session)
    if query.filter:
        at = at.astimezone(ZoneInfo((await get_tenant(session)).time_zone))
    statement = filtered(unarchived(Opportunity), query, FIELDS, bindings=Bindings(me, at))
    return await fetch_page(session, statement, query, id_column=Opportunity.id, orders=ORDERS, default="-created_at")


async def get_stage_history(session: AsyncSession, opportunity_id: UUID) -> StageHistory:
    """The stays in stages, in their order. Raises NotFound."""
    await get_opportunity(session, opportunity_id)
    found = await session.scalars(select(StageEntry).where(StageEntry.opportunity_id == opportunity_id).order_by(StageEntry.version))
    entries = found.all()
    left = [entry.entered_at for entry in entries[1:]]
    return StageHistory(items=[_stay(entry, end, now(session)) for entry, end in zip(entries, [*left, None], strict=True)])


def _stay(entry: StageEntry, left_at: datetime | None, at: datetime) -> StageStay:
    end = left_at or (at if entry.is_open else None)
    return StageStay(
        from_stage_id=entry.from_stage_id,
        to_stage_id=entry.to_stage_id,
        entered_at=entry.entered_at,
        left_at=left_at,
        seconds=None if end is None else seconds_between(entry.entered_at, end),
    )
