"""The flusher: every fact goes into the Delta table once, whatever is killed, repeated, lost or done at once."""

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from deltalake.exceptions import CommitFailedError

from analytics_svc.history import flushing, lake
from analytics_svc.history.child import FAIL_POINTS
from analytics_svc.history.children import PROGRAM, ChildFailed, ChildTooSlow, ask_child
from analytics_svc.settings import history_folder
from services.database import Context
from services.encoding import encode
from services.jobs import NO_TENANT
from services.manifests import ROOT
from services.settings import plain_url
from services.timers import arm
from tests.analytics.history.made import FIRST_DAY, batch, connected, flush, held, keys_of, stamps, with_orders
from tests.analytics.make import publish, settle
from tests.harness import Mitra


async def test_facts_go_into_the_table_as_they_are_by_months(mitra: Mitra, tenant_id: UUID) -> None:
    order, *others = await with_orders(mitra, tenant_id, 5, margin_minor=-5)
    await publish(mitra, [order.refund(date(2025, 12, 1), 400).events[1]])
    assert await flush(mitra) == {"rows": 6, "batches": 1}
    assert held(mitra) == keys_of([order, *others])
    table = lake.opened(history_folder(mitra.settings))
    assert table is not None
    row = next(r for r in table.to_pyarrow_table().to_pylist() if r["subject"] == f"order/{order.id}" and r["sequence"] == 2)
    assert json.loads(row.pop("attributes")) | {"fulfilment_status": "none"} == {
        "status": "placed", "payment_status": "partly_refunded", "fulfilment_status": "none", "placed_on": "2025-11-03",
        "paid_minor": 1000, "refunded_minor": 400, "is_test": False,
    }  # fmt: skip
    assert row == {
        "tenant_id": str(tenant_id), "subject": f"order/{order.id}", "sequence": 2, "kind": "order.refunded", "month": "2025-12",
        "contact_id": str(order.contact_id), "occurred_at": datetime(2025, 12, 1, 12, tzinfo=UTC), "occurred_on": date(2025, 12, 1),
        "recorded_at": datetime(2026, 3, 1, tzinfo=UTC), "currency": "USD", "amount_minor": 1000, "margin_minor": -5, "batch_no": 1,
        "status": "placed", "placed_on": FIRST_DAY, "is_test": False, "paid_minor": 1000, "refunded_minor": 400,
    }  # fmt: skip
    assert {Path(uri).parent.name for uri in table.file_uris()} == {"month=2025-11", "month=2025-12"}


async def test_more_than_a_batch_goes_in_several_and_what_is_there_goes_no_second_time(mitra: Mitra, tenant_id: UUID) -> None:
    other_id = await mitra.new_tenant()
    orders = [*await with_orders(mitra, tenant_id, 5), *await with_orders(mitra, other_id, 2)]
    assert await flush(mitra, most=3) == {"rows": 7, "batches": 3}
    assert await flush(mitra, most=3) == {"rows": 0, "batches": 0}
    assert held(mitra) == keys_of(orders)
    assert sorted(await stamps(mitra, tenant_id) + await stamps(mitra, other_id)) == [1, 1, 1, 2, 2, 2, 3]
    more = await with_orders(mitra, tenant_id, 1)
    assert await flush(mitra) == {"rows": 1, "batches": 1}
    assert (held(mitra), batch(mitra)) == (keys_of([*orders, *more]), 4)


@pytest.mark.parametrize(("point", "appended"), [(p, p == "flush.after_append") for p in FAIL_POINTS])
async def test_a_flusher_killed_between_two_steps_loses_and_repeats_nothing(
    mitra: Mitra, tenant_id: UUID, point: str, appended: bool
) -> None:
    """At each step: a child is killed in its first batch, and the next flusher finishes what was begun."""
    orders = await with_orders(mitra, tenant_id, 4)
    armed = mitra.settings.model_copy(update={"fail_points": {point: 1.0}})
    with pytest.raises(ChildFailed, match="flush ended with -9"):
        await ask_child(armed, "flush", {}, seconds=60)
    assert held(mitra) == (keys_of(orders) if appended else [])
    assert await stamps(mitra, tenant_id) == [None if point == "flush.before_commit" else 1] * 4
    more = await with_orders(mitra, tenant_id, 2)
    await flush(mitra)
    assert held(mitra) == keys_of([*orders, *more])
    assert await flush(mitra) == {"rows": 0, "batches": 0}


async def test_a_batch_that_two_append_at_once_is_there_once(mitra: Mitra, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a flusher that lost its lock with its connection would: both compare before either commits."""
    await with_orders(mitra, tenant_id, 3)
    await flush(mitra)
    table = lake.opened(history_folder(mitra.settings))
    assert table is not None
    rows = table.to_pyarrow_table()
    again = {"done": False}

    def come_between(point: str) -> None:
        if point == "flush.before_append" and not again["done"]:
            again["done"] = True
            assert lake.append(history_folder(mitra.settings), rows, 2)

    monkeypatch.setattr(lake, "reach", come_between)
    with pytest.raises(CommitFailedError, match="Concurrent transaction"):
        lake.append(history_folder(mitra.settings), rows, 2)
    assert not lake.append(history_folder(mitra.settings), rows, 2)
    assert len(held(mitra)) == 6


async def test_only_one_flusher_is_at_work(mitra: Mitra, tenant_id: UUID) -> None:
    orders = await with_orders(mitra, tenant_id, 2)
    async with connected(mitra) as connection, flushing.only_one(connection) as alone:
        assert alone
        assert await flush(mitra) == {"rows": 0, "batches": 0}
    await asyncio.gather(*(flush(mitra, most=1) for _ in range(3)))
    assert held(mitra) == keys_of(orders)


async def test_a_table_that_is_lost_is_filled_again_from_postgresql(mitra: Mitra, tenant_id: UUID) -> None:
    orders = await with_orders(mitra, tenant_id, 4)
    await flush(mitra, most=2)
    shutil.rmtree(history_folder(mitra.settings))
    orders += await with_orders(mitra, tenant_id, 1)
    assert await flush(mitra) == {"rows": 1, "batches": 3}
    assert held(mitra) == keys_of(orders)


async def test_few_files_are_made_of_many_and_no_row_moves(mitra: Mitra, tenant_id: UUID) -> None:
    orders = await with_orders(mitra, tenant_id, 9)
    await flush(mitra, most=1)
    before = lake.opened(history_folder(mitra.settings))
    assert before is not None
    stray = history_folder(mitra.settings) / "month=2025-11" / "part-of-a-killed-append.parquet"
    shutil.copy(before.file_uris()[0], stray)
    os.utime(stray, (0, 0))
    assert held(mitra) == keys_of(orders)
    assert await ask_child(mitra.settings, "tidy", {}, seconds=60) == {"files_added": 3, "files_removed": 8, "files_deleted": 1}
    after = lake.opened(history_folder(mitra.settings))
    assert after is not None
    assert (len(before.file_uris()), len(after.file_uris())) == (9, 4)
    assert (held(mitra), batch(mitra)) == (keys_of(orders), 9)
    await with_orders(mitra, tenant_id, 1)
    assert await flush(mitra) == {"rows": 1, "batches": 1}


async def run_schedule(mitra: Mitra, kind: str) -> dict[str, Any] | None:
    """Run a schedule of analytics once, as its worker does; answers what came of it."""
    session = mitra.session("analytics", None)
    session.info["context"] = Context(NO_TENANT, "system:analytics_svc", "schedule")
    async with session:
        await arm(session, kind, "schedule")
        await session.commit()
    await settle(mitra)
    async with connected(mitra) as connection:
        found = await connection.fetchval("SELECT result FROM job WHERE kind = $1", kind)
    result: dict[str, Any] | None = json.loads(found) if found else None
    return result


async def test_the_schedules_flush_what_there_is_and_tidy_it(mitra: Mitra, tenant_id: UUID) -> None:
    assert await run_schedule(mitra, "flush_history") == {"rows": 0, "batches": 0}
    assert lake.opened(history_folder(mitra.settings)) is None
    orders = await with_orders(mitra, tenant_id, 3)
    assert await run_schedule(mitra, "flush_history") == {"rows": 3, "batches": 1}
    assert held(mitra) == keys_of(orders)
    mitra.clock.advance(days=1)
    assert await run_schedule(mitra, "tidy_history") == {"files_added": 0, "files_removed": 0, "files_deleted": 0}


async def test_a_child_that_is_too_slow_is_ended(mitra: Mitra) -> None:
    with pytest.raises(ChildTooSlow, match="flush took more than 0 s"):
        await ask_child(mitra.settings, "flush", {}, seconds=timedelta(milliseconds=5).total_seconds())


async def test_a_child_whose_parent_was_killed_finishes_its_work_and_ends_without_a_word(mitra: Mitra, tenant_id: UUID) -> None:
    orders = await with_orders(mitra, tenant_id, 2)
    asked = {
        "task": "flush",
        "arguments": {},
        "database_url": plain_url(mitra.settings.database("analytics")),
        "folder": str(history_folder(mitra.settings)),
        "fail_points": {},
        "seconds": 60,
    }
    reading, writing = os.pipe()
    os.close(reading)
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", PROGRAM, stdin=PIPE, stdout=writing, stderr=PIPE, cwd=ROOT)
    os.close(writing)
    _, said = await child.communicate(encode(asked))
    assert said == b""
    assert held(mitra) == keys_of(orders)
