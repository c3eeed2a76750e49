"""A company whose campaign is about to begin, and a mail server to send it to: what campaigns are killed and measured on."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from campaigns_svc.audiences import operations as audiences
from campaigns_svc.audiences.schemas import AudienceCreate
from campaigns_svc.campaigns import course
from campaigns_svc.campaigns import operations as campaigns
from campaigns_svc.campaigns.schemas import CampaignCreate, Schedule
from campaigns_svc.senders import operations as senders
from campaigns_svc.senders.schemas import SenderCreate
from campaigns_svc.templates import operations as templates
from campaigns_svc.templates.schemas import TemplateCreate
from contacts_svc.contacts.operations import create_contacts
from contacts_svc.contacts.schemas import ContactCreate
from services.clock import utc_now
from services.database import Context, Database
from services.errors import Refusal
from services.identifiers import new_id
from services.outbox import Outbox
from services.references import ConsentReference, ContactReference
from services.settings import Settings
from services.tenants import Tenant

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Company:
    """One tenant with one campaign."""

    settings: Settings
    databases: Mapping[str, Database]
    tenant_id: UUID = field(default_factory=new_id)
    campaign_id: UUID = field(default_factory=new_id)

    @property
    def context(self) -> Context:
        return Context(self.tenant_id, "system:chaos", "chaos")

    @asynccontextmanager
    async def session(self, service: str) -> AsyncIterator[AsyncSession]:
        """A transaction of a service in this company, committed at the end."""
        async with self.databases[service].session(self.context) as session:
            yield session
            await session.commit()


@asynccontextmanager
async def mail_server(notebook: Path) -> AsyncIterator[str]:
    """A mail server in a process of its own, which nobody kills; it notes every send id before it says that it took the message."""
    command = [sys.executable, "-m", "tests.mail_sink", "--notebook", str(notebook)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield f"smtp://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


async def found(company: Company, recipients: int) -> None:
    """The contacts, as their service writes them and as campaigns knows them, and a campaign that is to begin at once.

    Of a hundred people two share an address, and two have not consented. What contacts would tell is not told: nobody listens here.
    """
    for database in (company.databases[service] for service in ("contacts", "campaigns")):
        async with database.session() as session:
            await session.execute(insert(Tenant).values(id=company.tenant_id, time_zone="UTC", currency="USD"))
            await session.commit()
    for start in range(0, recipients, 500):
        people = [_person(number) for number in range(start, min(start + 500, recipients))]
        async with company.session("contacts") as session:
            made = [each for each in await create_contacts(session, people) if not isinstance(each, Refusal)]
            await session.execute(delete(Outbox))
        async with company.session("campaigns") as session:
            known = [{"tenant_id": company.tenant_id, "contact_id": each["id"], "lifecycle": "prospect"} for each in made]
            await session.execute(insert(ContactReference), known)
            await session.execute(insert(ConsentReference), [_consent(company, each["id"]) for n, each in enumerate(made) if n % 50])
    await _schedule(company)


def _person(number: int) -> ContactCreate:
    address = f"reader{number - (number % 100 == 99)}@example.com"
    return ContactCreate.model_validate({"kind": "person", "given_name": f"Asha{number}", "emails": [{"address": address}]})


def _consent(company: Company, contact_id: UUID) -> dict[str, Any]:
    place = {"tenant_id": company.tenant_id, "consent_id": new_id(), "contact_id": contact_id, "changed_at": utc_now()}
    return place | {"purpose": "news", "channel": "email", "status": "granted"}


async def _schedule(company: Company) -> None:
    words = {
        "subject": "For {{ contact.given_name }}",
        "text": "Hello {{ contact.given_name }}",
        "html": "<a href='https://example.com/'>Look</a>",
    }
    async with company.session("campaigns") as session:
        (audience,) = await audiences.create_audiences(session, [AudienceCreate(name="Everybody", include=[""])])
        (template,) = await templates.create_templates(session, [TemplateCreate(name="News", **words)])
        sender_body = SenderCreate(name="Shop", from_name="Shop", from_address="shop@example.com")
        (sender,) = await senders.create_senders(session, [sender_body])
    async with company.session("campaigns") as session:
        await audiences.ready_audience(session, audience.id)
        await templates.publish_template(session, template.id)
        await senders.verify_sender(session, sender.id)
        parts = {"audience_id": audience.id, "template_id": template.id, "sender_id": sender.id}
        (campaign,) = await campaigns.create_campaigns(session, [CampaignCreate(name="News", purpose="news", holdout_bps=300, **parts)])
    company.campaign_id = campaign.id
    for step in (course.submit_campaign, partial(course.approve_campaign, approved_by=None)):
        async with company.session("campaigns") as session:
            await step(session, campaign.id)
    async with company.session("campaigns") as session:
        await course.schedule_campaign(session, campaign.id, Schedule())
