"""How fast a campaign is planned, its mails are written, and they go out into a mail server of this machine."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from bench.stage import open_stage
from campaigns_svc.campaigns.course import find_parts
from campaigns_svc.campaigns.queries import get_campaign
from campaigns_svc.sends.composing import Composer
from campaigns_svc.sends.models import QueuedSend
from campaigns_svc.sends.starting import enqueue_audience
from services.clock import utc_now
from services.contact_resolver import ResolvedContact, ResolvedEmail
from services.identifiers import new_id
from tests.chaos.mailing import Company, found, mail_server

RECIPIENTS = 5_000
WRITTEN = 2_000
Row = dict[str, Any]


def rows() -> list[Row]:
    """The rows of the table."""
    return asyncio.run(_rows())


async def _rows() -> list[Row]:
    async with open_stage() as mitra:
        with tempfile.TemporaryDirectory(prefix="mitra-bench-") as folder:
            async with mail_server(Path(folder) / "accepted.txt") as smtp_url:
                mitra.settings.smtp_url = smtp_url
                company = Company(mitra.settings, mitra.databases)
                await found(company, RECIPIENTS)
                planned = await _planned_a_second(company)
                written = await _written_a_second(company)
                mitra.clock.now = utc_now()
                sent = await _sent_a_second(mitra, company)
    return [
        {"what": "recipients planned a second, set-based", "measured": planned, "bar": "≥ 20,000", "holds": planned >= 20_000},
        {"what": "mails rendered a second, links signed", "measured": written, "bar": "≥ 500", "holds": written >= 500},
        {"what": "mails into a local SMTP server a second, one worker", "measured": sent, "bar": "≥ 100", "holds": sent >= 100},
    ]


async def _planned_a_second(company: Company) -> float:
    """The recipients of the campaign are written to the queue, and the transaction is undone."""
    async with company.databases["campaigns"].session(company.context) as session:
        campaign = await get_campaign(session, company.campaign_id)
        parts = await find_parts(session, campaign)
        began = time.perf_counter()
        await enqueue_audience(session, campaign, parts["audience"])
        seconds = time.perf_counter() - began
        number = await session.scalar(select(func.count()).select_from(QueuedSend)) or 0
        await session.rollback()
    return number / seconds


async def _written_a_second(company: Company) -> float:
    """A mail is composed and turned into what goes over the wire."""
    async with company.databases["campaigns"].session(company.context) as session:
        campaign = await get_campaign(session, company.campaign_id)
        parts = await find_parts(session, campaign)
    composer = Composer(company.tenant_id, campaign, parts["template"], parts["sender"], "https://mitra.example.com", "secret", utc_now)
    contacts = [_contact(number) for number in range(WRITTEN)]
    began = time.perf_counter()
    for contact in contacts:
        assert contact.email is not None
        composer.compose(new_id(), contact, address=contact.email, address_hash="0" * 64)
    return WRITTEN / (time.perf_counter() - began)


async def _sent_a_second(mitra: Any, company: Company) -> float:
    """From the start of the campaign to its end, jobs, ledger and events included."""
    began = time.perf_counter()
    async with mitra.databases["campaigns"].engine.connect() as connection:
        while await mitra.workers["campaigns"].jobs.step(connection):
            mitra.clock.now = utc_now()
    return RECIPIENTS / (time.perf_counter() - began)


def _contact(number: int) -> ResolvedContact:
    email = ResolvedEmail(address=f"reader{number}@example.com", label=None, primary=True, status="ok")
    names = {"display_name": f"Asha {number}", "given_name": f"Asha{number}", "family_name": None}
    rest = {"phones": [], "language": "en", "time_zone": None, "country": "DE", "archived": False}
    return ResolvedContact.model_validate({"id": UUID(int=number), "emails": [email], **names, **rest})
