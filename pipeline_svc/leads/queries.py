"""Reading leads."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, fetch_page, filtered, unarchived

from .models import Lead

FIELDS: FilterFields = {
    "id": Field("id", Lead.id),
    "contact_id": Field("id", Lead.contact_id),
    "organization_id": Field("id", Lead.organization_id),
    "source": Field("choice", Lead.source),
    "form_submission_id": Field("id", Lead.form_submission_id),
    "campaign_id": Field("id", Lead.campaign_id),
    "owner_id": Field("id", Lead.owner_id),
    "expected_amount_minor": Field("number", Lead.expected_amount_minor),
    "currency": Field("choice", Lead.currency),
    "score_bps": Field("number", Lead.score_bps),
    "status": Field("choice", Lead.status),
    "opened_at": Field("instant", Lead.opened_at),
    "first_response_at": Field("instant", Lead.first_response_at),
    "opportunity_id": Field("id", Lead.opportunity_id),
    "created_at": Field("instant", Lead.created_at),
    "updated_at": Field("instant", Lead.updated_at),
}
ORDERS = {
    "created_at": Order(Lead.created_at, datetime),
    "updated_at": Order(Lead.updated_at, datetime),
    "opened_at": Order(Lead.opened_at, datetime),
}


async def get_lead(session: AsyncSession, lead_id: UUID, *, lock: bool = False) -> Lead:
    """The lead, locked for a change if asked. Raises NotFound."""
    lead = await session.get(Lead, lead_id, with_for_update=lock or None)
    if lead is None:
        raise NotFound(f"There is no lead {lead_id}")
    return lead


async def list_leads(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the leads that are not archived."""
    statement = filtered(unarchived(Lead), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=Lead.id, orders=ORDERS, default="-created_at")
