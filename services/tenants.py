"""What every service knows of a tenant: its time zone, currency and settings, kept from the gateway's events."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Base, context_of
from services.deliveries import Delivery
from services.errors import Unavailable


class Tenant(Base):
    """A tenant as this service knows it. Zone and currency are fixed at its creation; its settings are not, so they are read anew."""

    __tablename__ = "tenant"
    kit_only = True
    silent = True
    id: Mapped[UUID] = mapped_column(primary_key=True)
    time_zone: Mapped[str]
    currency: Mapped[str]
    activity_window_days: Mapped[int] = mapped_column(server_default=text("365"))


KEPT = ("time_zone", "currency", "activity_window_days")
_known: dict[UUID, Tenant] = {}
_MOST_KNOWN = 10_000


async def get_tenant(session: AsyncSession) -> Tenant:
    """The tenant of the running transaction, read once in the life of a process, for what never changes: its time zone and currency.

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
    states: dict[UUID, Any] = {d.envelope.tenant_id: d.event.state for d in deliveries}
    statement = insert(Tenant)
    statement = statement.on_conflict_do_update(index_elements=[Tenant.id], set_={name: statement.excluded[name] for name in KEPT})
    await session.execute(statement, [{"id": id_} | {name: getattr(state, name) for name in KEPT} for id_, state in sorted(states.items())])


async def activity_window(session: AsyncSession) -> timedelta:
    """For how long a customer of the running transaction's tenant counts as active after a purchase."""
    days = await session.scalar(select(Tenant.activity_window_days).where(Tenant.id == context_of(session).tenant_id))
    return timedelta(days=days or 365)
