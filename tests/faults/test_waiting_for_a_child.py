"""A job that waits for a child process holds no lock meanwhile: the child may have to wait for whoever wants it."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from analytics_svc.history.operations import flush_history
from services.contact_resolver import ContactResolver
from services.jobs import NO_TENANT, Work
from services.settings import plain_url
from tests.analytics.history.made import with_orders
from tests.harness import Mitra


async def test_the_table_of_facts_can_be_changed_while_it_is_flushed(mitra: Mitra, monkeypatch: pytest.MonkeyPatch) -> None:
    async def child(*_: Any, **__: Any) -> dict[str, Any]:
        owner = await asyncpg.connect(plain_url(mitra.settings.owner_database("analytics")), server_settings={"lock_timeout": "5s"})
        try:
            async with owner.transaction():
                await owner.execute("LOCK TABLE fact IN ACCESS EXCLUSIVE MODE")
        finally:
            await owner.close()
        return {"rows": 1, "batches": 1}

    async def report(_progress_bps: int, _counts: dict[str, int]) -> None:
        raise AssertionError("there is no progress to report")

    monkeypatch.setattr("analytics_svc.history.operations.ask_child", child)
    await with_orders(mitra, await mitra.new_tenant(), 1)
    async with mitra.workers["analytics"].database.session() as session:
        contacts = ContactResolver(mitra.settings, "analytics_svc")
        work = Work(uuid4(), "flush_history", "schedule", NO_TENANT, {}, mitra.settings, contacts, mitra.clock, report)
        assert await flush_history(session, work) == {"rows": 1, "batches": 1}
