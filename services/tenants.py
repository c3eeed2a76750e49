"""What every service knows of a tenant: its time zone and currency, kept from the gateway's events."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, context_of
from services.deliveries import Delivery
from services.errors import Unavailable


class Tenant(Base):
    """A tenant as this service knows it; fixed at its creation."""

    __tablename__ = "tenant"
    kit_only = True
    silent = True
    id: Mapped[UUID] = mapped_column(primary_key=True)
    time_zone: Mapped[str]
    currency: Mapped[str]


_known: dict[UUID, Tenant] = {}
_MOST_KNOWN = 10_000


async def get_tenant(session: AsyncSession) -> Tenant:
    """The tenant of the running transaction, which is read once in the life of a process, since nothing of it ever changes.

    Raises Unavailable while its creation has not arrived here yet.
    """
    tenant_id = context_of(session).tenant_id
    if tenant_id in _known:
        return _known[tenant_id]
    tenant = await session.get(Tenant, tenant_id)
    if tenant is None:
        raise Unavailable("This tenant is not known to this service yet; try again in a moment", code="tenant_not_ready")
    session.expunge(tenant)
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    return _known.setdefault(tenant_id, tenant)


def business_day(tenant: Tenant, at: datetime) -> date:
    """The day on which an instant falls in the tenant's time zone."""
    return at.astimezone(ZoneInfo(tenant.time_zone)).date()


async def on_tenant(session: AsyncSession, deliveries: Sequence[Delivery]) -> None:
    """Keep the tenant of each platform.tenant event; the state of a later event replaces that of an earlier."""
    rows = {d.envelope.tenant_id: d.envelope.data["state"] for d in deliveries}
    statement = insert(Tenant)
    statement = statement.on_conflict_do_update(
        index_elements=[Tenant.id], set_={"time_zone": statement.excluded.time_zone, "currency": statement.excluded.currency}
    )
    await session.execute(
        statement, [{"id": id_, "time_zone": s["time_zone"], "currency": s["currency"]} for id_, s in sorted(rows.items())]
    )
