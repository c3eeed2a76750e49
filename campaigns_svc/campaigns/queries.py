"""Reading campaigns."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Campaign

FIELDS: FilterFields = {
    "id": Field("id", Campaign.id),
    "name": Field("text", Campaign.name),
    "status": Field("choice", Campaign.status),
    "purpose": Field("choice", Campaign.purpose),
    "audience_id": Field("id", Campaign.audience_id),
    "template_id": Field("id", Campaign.template_id),
    "sender_id": Field("id", Campaign.sender_id),
    "is_test": Field("boolean", Campaign.is_test),
    "send_at": Field("instant", Campaign.send_at),
    "started_at": Field("instant", Campaign.started_at),
    "created_at": Field("instant", Campaign.created_at),
    "updated_at": Field("instant", Campaign.updated_at),
}
ORDERS = {"created_at": Order(Campaign.created_at, datetime), "updated_at": Order(Campaign.updated_at, datetime)}


async def get_campaign(session: AsyncSession, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """The campaign, locked for a change if asked. Raises NotFound."""
    campaign = await session.get(Campaign, campaign_id, with_for_update=lock or None)
    if campaign is None:
        raise NotFound(f"There is no campaign {campaign_id}")
    return campaign


async def list_campaigns(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the campaigns that are not archived."""
    statement = filtered(unarchived(Campaign), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Campaign.id, orders=ORDERS, default="-created_at")
