"""When an opportunity stalls and resumes: a durable timer on the injected clock."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from services.envelope import Envelope
from tests.harness import Mitra
from tests.pipeline import make_catalogue as catalogue
from tests.pipeline import make_opportunities as make
from tests.pipeline.make_opportunities import Selling

ROTTING = [catalogue.STAGES[0] | {"rotting_days": 10}, catalogue.STAGES[1] | {"rotting_days": 30}, *catalogue.STAGES[2:]]


class Timed:
    """A tenant whose clock is moved: clients are made anew, since a token lives a minute, and each event is looked at once."""

    def __init__(self, mitra: Mitra, tenant_id: UUID, sales: Selling) -> None:
        self.mitra, self.tenant_id, self._sales = mitra, tenant_id, sales

    @property
    def sales(self) -> Selling:
        client = self.mitra.client("pipeline", self.mitra.caller(self.tenant_id))
        return Selling(client, self._sales.pipeline, self._sales.stages, self._sales.reasons)

    async def after(self, **length: float) -> list[Envelope]:
        """What the timers tell in that time."""
        self.mitra.clock.advance(**length)
        await self._run()
        told = [event for event in await self.mitra.outbox("pipeline") if event.type.split(".")[2] in ("stalled", "resumed")]
        await self.mitra.drain(jobs=False)
        return told

    async def _run(self) -> None:
        async with self.mitra.databases["pipeline"].engine.connect() as connection:
            while await self.mitra.workers["pipeline"].jobs.step(connection):
                pass


@pytest.fixture
async def timed(mitra: Mitra, orders: httpx.AsyncClient, tenant_id: UUID) -> Timed:
    return Timed(mitra, tenant_id, await make.selling(orders, stages=ROTTING))


def facts(events: list[Envelope]) -> list[tuple[str, int, list[str]]]:
    return [(event.type.split(".")[2], event.data["days_in_stage"], event.data["changed"]) for event in events]


async def test_an_opportunity_stalls_after_its_stages_days_and_resumes_when_it_moves(timed: Timed) -> None:
    opportunity = await timed.sales.open()
    assert await timed.after(days=9) == []
    (stalled,) = await timed.after(days=1, seconds=1)
    assert facts([stalled]) == [("stalled", 10, ["stalled_since"])]
    read = await timed.sales.read(opportunity["id"])
    assert stalled.data["state"]["stalled_since"] == read["stalled_since"]
    assert stalled.time.isoformat()[:19] == "2026-03-12T09:00:00"
    assert await timed.after(days=5) == []
    moved = await timed.sales.act(opportunity["id"], "move")
    assert moved["stalled_since"] == read["stalled_since"], "the timer tells of it, in an event of its own"
    (resumed,) = await timed.after(seconds=1)
    assert facts([resumed]) == [("resumed", 0, ["stalled_since"])]
    assert (await timed.sales.read(opportunity["id"]))["stalled_since"] is None
    assert await timed.after(days=29) == []
    assert facts(await timed.after(days=2)) == [("stalled", 31, ["stalled_since"])]
    won = await timed.sales.act(opportunity["id"], "win")
    assert won["stalled_since"] is None
    assert await timed.after(days=400) == []


async def test_who_moves_in_time_never_stalls(timed: Timed) -> None:
    opportunity = await timed.sales.open()
    for number in range(6):
        assert await timed.after(days=9) == []
        await timed.sales.act(opportunity["id"], "move", stage_id=timed.sales.stages[("talk", "new")[number % 2]])
    assert await timed.after(seconds=1) == []


async def test_an_opportunity_of_the_past_is_stalled_from_the_day_on_which_it_became_so(timed: Timed) -> None:
    await timed.sales.open(opened_at="2026-01-01T00:00:00Z")
    (stalled,) = await timed.after(seconds=1)
    assert (stalled.data["days_in_stage"], stalled.data["state"]["stalled_since"]) == (60, "2026-01-11T00:00:00Z")


@pytest.mark.parametrize(
    ("days", "told"),
    [(None, [("resumed", 12)]), (40, [("resumed", 12)]), (5, [])],
)
async def test_stages_that_allow_more_days_let_their_opportunities_resume(
    timed: Timed, days: int | None, told: list[tuple[str, int]]
) -> None:
    await timed.sales.open()
    assert len(await timed.after(days=12)) == 1
    stages: list[dict[str, Any]] = [catalogue.STAGES[0] | {"rotting_days": days}, *ROTTING[1:]]
    put = await timed.sales.client.put(
        f"/v1/pipelines/{timed.sales.pipeline['id']}/stages", json={"stages": stages}, headers={"If-Match": "1"}
    )
    assert put.status_code == 200
    assert [(fact, in_stage) for fact, in_stage, _ in facts(await timed.after(seconds=1))] == told
    assert len(await timed.after(days=29)) == (1 if days == 40 else 0)


async def test_what_is_archived_tells_nothing_until_it_is_back(timed: Timed) -> None:
    opportunity = await timed.sales.open()
    await timed.sales.act(opportunity["id"], "archive")
    assert await timed.after(days=20) == []
    await timed.sales.act(opportunity["id"], "restore")
    assert facts(await timed.after(seconds=1)) == [("stalled", 20, ["stalled_since"])]


async def test_opened_in_a_batch_they_stall_alike(timed: Timed) -> None:
    operations = [{"op": "create", "data": timed.sales.body()} for _ in range(3)]
    await catalogue.batch(timed.sales.client, "opportunities", operations)
    assert len(await timed.after(days=11)) == 3
