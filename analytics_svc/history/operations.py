"""The jobs of the history: moving facts into the Delta table, and keeping its files few."""

from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from analytics_svc.facts.models import Fact
from services.database import Context, bind_tenant
from services.jobs import Work
from services.tenants import Tenant

from .children import ask_child

FLUSH_SECONDS = 300.0
TIDY_SECONDS = 1_800.0


async def flush_history(session: AsyncSession, work: Work) -> dict[str, Any]:
    """The schedule of the flusher: where any tenant has facts that are not in the table, a child process moves them there.

    Looks only for rows without a stamp: what was stamped and not appended, because the child was killed between, is also moved by the next.
    """
    for tenant_id in list(await session.scalars(select(Tenant.id).order_by(Tenant.id))):
        await bind_tenant(session, Context(tenant_id, work.kind, str(work.id)))
        if await session.scalar(select(exists(select(Fact.sequence).where(Fact.batch_no.is_(None))))):
            await session.close()  # the child may have to wait for somebody who waits until our transaction ends
            return await ask_child(work.settings, "flush", {}, seconds=FLUSH_SECONDS)
    return {"rows": 0, "batches": 0}


async def tidy_history(_session: AsyncSession, work: Work) -> dict[str, Any]:
    """The daily schedule: few files instead of many, and none that nobody reads."""
    return await ask_child(work.settings, "tidy", {}, seconds=TIDY_SECONDS)
