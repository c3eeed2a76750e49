"""Double opt-in, from the request to the consent that a campaign cites."""

from uuid import UUID

import httpx
import pytest

from tests.campaigns import make
from tests.contacts import make as contacts_make
from tests.gateway.conftest import Door
from tests.harness import Mitra
from tests.journeys.conftest import door
from tests.mail_sink import MailSink

__all__ = ["door"]


@pytest.fixture
async def contacts(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    client = contacts_make.lasting_client(mitra, tenant_id)
    await contacts_make.create_purpose(client)
    return client


async def test_who_confirms_by_the_mail_is_written_to_under_that_consent(
    mitra: Mitra, door: Door, tenant_id: UUID, campaigns: httpx.AsyncClient, contacts: httpx.AsyncClient, sink: MailSink
) -> None:
    (contact_id,) = await make.contacts(mitra, tenant_id, [make.person(1)])
    sender = await make.create(campaigns, "senders", make.SENDER)
    await make.act(campaigns, f"/v1/senders/{sender['id']}/verify")
    consent = (await contacts_make.ask(contacts, str(contact_id))).json()
    assert consent["status"] == "pending"
    await mitra.drain()
    (mail,) = sink.mails
    assert (mail.sender, mail.recipient, mail.message["Subject"]) == ("zqcanary@example.com", "zqcanary1@example.com", "News")
    words, link = [line for line in mail.message.get_content().splitlines() if line]
    assert words == "May we write to you?"
    path = link.removeprefix("http://127.0.0.1:8000")
    assert (await door.client().get(path)).status_code == 200
    assert (await contacts.get(f"/v1/consents/{consent['id']}")).json()["status"] == "pending"
    assert (await door.client().post(path)).status_code == 200
    await mitra.drain()
    await make.scheduled(campaigns)
    await mitra.drain()
    (send,) = (await campaigns.get("/v1/sends")).json()["items"]
    assert (send["status"], send["consent_id"]) == ("sent", consent["id"])
    assert len(sink.mails) == 2


async def test_one_click_becomes_a_withdrawn_consent(
    mitra: Mitra, door: Door, tenant_id: UUID, campaigns: httpx.AsyncClient, contacts: httpx.AsyncClient, sink: MailSink
) -> None:
    (contact_id,) = await make.contacts(mitra, tenant_id, [make.person(1)])
    granted = await contacts_make.ask(contacts, str(contact_id), status="granted", proof=contacts_make.proof(mitra.clock()))
    assert granted.json()["status"] == "granted"
    await mitra.drain()
    await make.scheduled(campaigns)
    await mitra.drain()
    way_out = str(sink.mails[0].message["List-Unsubscribe"]).strip("<>").removeprefix("http://127.0.0.1:8000")
    assert (await door.client().post(way_out, content=b"List-Unsubscribe=One-Click")).status_code == 200
    await mitra.drain()
    assert (await contacts.get(f"/v1/consents/{granted.json()['id']}")).json()["status"] == "withdrawn"


async def test_a_request_waits_for_a_sender_and_one_that_is_over_is_let_go(
    mitra: Mitra, tenant_id: UUID, contacts: httpx.AsyncClient, sink: MailSink
) -> None:
    early, over = await make.contacts(mitra, tenant_id, [make.person(1), make.person(2)])
    await contacts_make.ask(contacts, str(over))
    await mitra.drain()
    mitra.clock.advance(days=8)
    await mitra.drain()
    await contacts_make.ask(contacts, str(early))
    await mitra.drain()
    assert sink.mails == []
    client = mitra.client("campaigns", mitra.caller(tenant_id))
    sender = await make.create(client, "senders", make.SENDER)
    await make.act(client, f"/v1/senders/{sender['id']}/verify")
    mitra.clock.advance(minutes=11)
    await mitra.drain()
    assert [mail.recipient for mail in sink.mails] == ["zqcanary1@example.com"]
