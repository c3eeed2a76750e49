"""Reading tenants: row-level security shows a caller its own tenant only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.database import now
from services.errors import NotFound
from services.filters import Bindings, Field, FilterFields
from services.paging import Found, ListQuery, Order, all_of, fetch_page, filtered

from .models import HostedTenant

FIELDS: FilterFields = {
    "id": Field("id", HostedTenant.id),
    "name": Field("text", HostedTenant.name),
    "status": Field("choice", HostedTenant.status),
    "created_at": Field("instant", HostedTenant.created_at),
}
ORDERS = {"created_at": Order(HostedTenant.created_at, datetime)}


async def get_tenant(session: AsyncSession, tenant_id: UUID, *, lock: bool = False) -> HostedTenant:
    """The caller's tenant, locked for a change if asked. Raises NotFound."""
    tenant = await session.get(HostedTenant, tenant_id, with_for_update=lock or None)
    if tenant is None:
        raise NotFound(f"There is no tenant {tenant_id}")
    return tenant


async def list_tenants(session: AsyncSession, query: ListQuery, *, me: UUID | None) -> Found:
    """A page of the tenants that the caller may see: its own."""
    statement = filtered(all_of(HostedTenant), query, FIELDS, bindings=Bindings(me, now(session)))
    return await fetch_page(session, statement, query, id_column=HostedTenant.id, orders=ORDERS, default="created_at")
