"""What judges a run of kills: it finds nothing where all is told, and a planted loss and disorder."""

import asyncpg

from services.manifests import get_manifest
from services.settings import plain_url
from tests.campaigns import make
from tests.chaos.verdict import Verdict, judge_told
from tests.harness import Mitra

UNBOUND = "ALTER TABLE journal_entry NO FORCE ROW LEVEL SECURITY; {}; ALTER TABLE journal_entry FORCE ROW LEVEL SECURITY"
OF_THE_CAMPAIGN = "subject LIKE 'campaign/%'"


async def verdict_after(mitra: Mitra, change: str) -> Verdict:
    """The verdict on the campaigns of a company, once its journal was changed."""
    client = mitra.client("campaigns", mitra.caller(await mitra.new_tenant()))
    made = await make.campaign(client)
    for verb in ("submit", "approve"):
        await make.act(client, f"/v1/campaigns/{made['id']}/{verb}")
    await mitra.drain()
    owner = await asyncpg.connect(plain_url(mitra.settings.owner_database("gateway")))
    try:
        await owner.execute(UNBOUND.format(change))
    finally:
        await owner.close()
    return await judge_told(mitra.settings, get_manifest("campaigns"))


async def test_a_journal_that_tells_every_version_once_is_clean(mitra: Mitra) -> None:
    verdict = await verdict_after(mitra, "SELECT 1")
    assert (verdict.lost, verdict.doubled, verdict.reordered, verdict.events) == ([], [], [], 9)


async def test_an_event_that_is_missing_is_found(mitra: Mitra) -> None:
    verdict = await verdict_after(mitra, f"DELETE FROM journal_entry WHERE {OF_THE_CAMPAIGN} AND sequence = 3")
    assert ("has [1, 2], the row is at 3" in str(verdict.lost), verdict.reordered) == (True, [])


async def test_events_that_stand_in_another_order_are_found(mitra: Mitra) -> None:
    verdict = await verdict_after(mitra, f"UPDATE journal_entry SET seq = 1000 - seq WHERE {OF_THE_CAMPAIGN}")
    assert [found.rpartition(" [")[2] for found in verdict.reordered] == ["3, 2, 1]"]
