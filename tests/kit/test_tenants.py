"""What a service knows of a tenant."""

import pytest
from sqlalchemy import update

from services.errors import Unavailable
from services.identifiers import new_id
from services.tenants import Tenant, get_tenant
from tests.harness import Mitra


async def test_an_unknown_tenant_is_not_ready_and_a_known_one_is_read_once(mitra: Mitra) -> None:
    async with mitra.session("demo", new_id()) as session:
        with pytest.raises(Unavailable) as refusal:
            await get_tenant(session)
        assert refusal.value.code == "tenant_not_ready"
    tenant_id = await mitra.new_tenant(time_zone="Asia/Kolkata", currency="INR")
    async with mitra.session("demo", tenant_id) as session:
        known = await get_tenant(session)
        assert (known.id, known.time_zone, known.currency) == (tenant_id, "Asia/Kolkata", "INR")
        await session.execute(update(Tenant).where(Tenant.id == tenant_id).values(currency="EUR"))
    async with mitra.session("demo", tenant_id) as session:
        assert await get_tenant(session) is known
