"""The closed loop by time: nobody does anything, and the days alone change what a case is worth and whom a campaign finds."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx

from services.identifiers import new_id
from tests.analytics.make import Order
from tests.analytics.test_customers import fitted
from tests.campaigns import make as campaigns_make
from tests.contacts.make import create, lasting_client
from tests.harness import Mitra
from tests.mail_sink import MailSink
from tests.tickets import make as tickets_make

DAYS = [date(2025, 9, 6) + timedelta(days=14 * n) for n in range(13)]
MONTH = timedelta(days=30)
LEAVING = {"name": "Leaving", "include": ["churn_bps > 1000"]}


async def case(mitra: Mitra, desk: httpx.AsyncClient, contact_id: UUID) -> dict[str, Any]:
    """What was said when a new case of hers was given to an agent."""
    ticket = await tickets_make.create(desk, contact_id=str(contact_id))
    worker = mitra.workers["tickets"]
    async with mitra.databases["tickets"].engine.connect() as connection:
        while await worker.jobs.step(connection):
            pass
    (said,) = [event.data for event in await mitra.outbox("tickets") if event.type == "tickets.ticket.assigned.v1"]
    await tickets_make.act(desk, ticket["id"], "resolve")
    await mitra.drain()
    return said


async def campaign_in_a_month(mitra: Mitra, campaigns: httpx.AsyncClient, path: str) -> None:
    """Approve a draft, to begin thirty days from now."""
    for verb in ("submit", "approve"):
        await campaigns_make.act(campaigns, f"{path}/{verb}")
    await campaigns_make.act(campaigns, f"{path}/schedule", send_at=(mitra.clock.now + MONTH).isoformat())


async def test_a_customer_who_falls_silent_is_weighed_anew_by_the_days_and_found_by_the_campaign_that_waited(
    mitra: Mitra, sink: MailSink
) -> None:
    tenant_id = await mitra.new_tenant()
    desk, contacts, campaigns = (lasting_client(mitra, tenant_id, service) for service in ("tickets", "contacts", "campaigns"))
    asha = UUID((await create(contacts, emails=[{"address": "asha@example.com"}]))["id"])
    await fitted(mitra, tenant_id, [Order(tenant_id, asha).place(day, 9_000) for day in DAYS], customers=320)
    await mitra.workers["analytics"].jobs.ensure_schedules()
    await mitra.drain()
    await campaigns_make.consents(mitra, tenant_id, [asha])
    await tickets_make.agent(desk, new_id())
    rule = await tickets_make.post(desk, "/v1/routing-rules", {"name": "At stake", "strategy": "expected_loss"}, status=201)
    await tickets_make.post(desk, f"/v1/routing-rules/{rule['id']}/activate", {})
    audience = await campaigns_make.create(campaigns, "audiences", LEAVING)
    await campaigns_make.act(campaigns, f"/v1/audiences/{audience['id']}/ready")
    campaign = await campaigns_make.campaign(campaigns, audience_id=audience["id"])
    await campaign_in_a_month(mitra, campaigns, f"/v1/campaigns/{campaign['id']}")
    before = await case(mitra, desk, asha)
    assert (await campaigns_make.act(campaigns, f"/v1/audiences/{audience['id']}/preview"))["size"] == 0
    mitra.clock.advance(days=29)
    await mitra.drain()
    after = await case(mitra, desk, asha)
    assert sink.mails == []
    assert after["expected_loss_minor"] > before["expected_loss_minor"] > 0
    churns = [next(each["number"] for each in said["reasons"] if each["code"] == "churn_bps") for said in (before, after)]
    assert float(churns[0]) < 1_000 < float(churns[1])
    assert (await campaigns_make.act(campaigns, f"/v1/audiences/{audience['id']}/preview"))["sample"] == [str(asha)]
    mitra.clock.advance(days=1)
    await mitra.drain()
    assert [mail.recipient for mail in sink.mails] == ["asha@example.com"]
