"""A tenant and a client of its campaigns."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from tests.harness import Mitra
from tests.mail_sink import MailSink, mail_sink


@pytest.fixture
async def tenant_id(mitra: Mitra) -> UUID:
    return await mitra.new_tenant()


@pytest.fixture
def campaigns(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    return mitra.client("campaigns", mitra.caller(tenant_id))


@pytest.fixture
async def sink(mitra: Mitra) -> AsyncIterator[MailSink]:
    """The mail server of campaigns."""
    async with mail_sink() as sink:
        mitra.settings.smtp_url = sink.url
        yield sink
        mitra.settings.smtp_url = ""
