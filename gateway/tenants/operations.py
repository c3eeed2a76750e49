"""Changing tenants. (A tenant is founded together with its first user and key: `gateway.keys.operations.found_tenant`.)"""

from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.database import birth, context_of
from services.events.platform import TenantChanged, TenantCreated, TenantState
from services.merge_patch import apply_patch
from services.outbox import record, record_many
from services.preconditions import check_version

from .models import HostedTenant
from .queries import get_tenant
from .rules import check_currency, check_time_zone
from .schemas import TenantPatch


def state_of(tenant: HostedTenant) -> TenantState:
    """The public state of a tenant."""
    return TenantState.model_validate(tenant)


async def create_tenant(session: AsyncSession, *, name: str, time_zone: str, currency: str) -> HostedTenant:
    """Write the tenant that the session is bound to, and its event. Raises Invalid for an unknown time zone or currency."""
    check_time_zone(time_zone, "/time_zone")
    check_currency(currency, "/currency")
    tenant_id = context_of(session).tenant_id
    columns = {"name": name, "time_zone": time_zone, "currency": currency, "status": "active", "activity_window_days": 365}
    row = {**birth(session, tenant_id, partition_key=str(tenant_id)), **columns}
    await session.execute(insert(HostedTenant).values(row))
    tenant = HostedTenant(**row)
    await record_many(session, [(tenant, TenantCreated(state=state_of(tenant)), None)])
    return tenant


async def update_tenant(session: AsyncSession, tenant_id: UUID, patch: TenantPatch, if_match: str | None) -> HostedTenant:
    """Change the name and the settings. Raises NotFound, PreconditionMissing, Stale."""
    tenant = await get_tenant(session, tenant_id, lock=True)
    check_version(tenant.version, if_match)
    if apply_patch(tenant, patch):
        await record(session, tenant, TenantChanged(state=state_of(tenant)))
    return tenant
