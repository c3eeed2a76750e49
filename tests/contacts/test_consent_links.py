"""The link of a request: who sends the mail gets it, who follows it confirms, who only looks changes nothing."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from gateway.routing.front import Front
from gateway.settings import GatewaySettings
from services.links import SignedLinks
from services.tokens import Caller, KeyPairs
from tests.contacts.make import ask, create, create_purpose
from tests.harness import Mitra


def sender(mitra: Mitra, tenant_id: UUID) -> httpx.AsyncClient:
    """The service that writes the mails."""
    return mitra.client("contacts", Caller(tenant_id, "system:demo_svc", None, frozenset(), issuer="demo_svc"), issuer="demo_svc")


async def requests_of(mitra: Mitra, tenant_id: UUID, *ids: str) -> dict[str, Any]:
    answer = await sender(mitra, tenant_id).post("/internal/consents/requests", json={"ids": ids})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def visitor(mitra: Mitra) -> httpx.AsyncClient:
    """Somebody with a browser and no key, before the door."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=Front(dict(mitra.apps), mitra.settings, GatewaySettings())), base_url="http://m"
    )


async def request_for(contacts: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    ann = await create(contacts, language="de")
    return dict((await ask(contacts, ann["id"], **fields)).json())


async def test_who_sends_the_mail_is_told_the_words_and_the_link_of_each_request_that_waits(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID
) -> None:
    purpose = await create_purpose(contacts)
    first = await request_for(contacts, address_seen="ann@example.org")
    await contacts.post(f"/v1/consent-purposes/{purpose['id']}/word", json={"language": "de", "text": "Neu"})
    second, granted = await request_for(contacts), await request_for(contacts)
    await contacts.post(f"/v1/consents/{granted['id']}/confirm")
    unknown = str(uuid4())
    answer = await requests_of(mitra, tenant_id, granted["id"], first["id"], unknown, second["id"])
    assert answer["missing"] == [granted["id"], unknown]
    told = {each["id"]: each for each in answer["requests"]}
    assert [(told[each]["wording"], told[each]["wording_version"]) for each in (first["id"], second["id"])] == [
        ("Dürfen wir Ihnen schreiben?", 1),
        ("Neu", 2),
    ]
    wanted = {"contact_id": first["contact_id"], "purpose": "news", "purpose_name": "News", "channel": "email", "topic_id": None}
    wanted |= {"wording_language": "de", "address_seen": "ann@example.org", "confirm_by": first["due_at"]}
    assert {name: told[first["id"]][name] for name in wanted} == wanted
    assert (await requests_of(mitra, await mitra.new_tenant(), first["id"]))["missing"] == [first["id"]]
    refused = await contacts.post("/internal/consents/requests", json={"ids": [first["id"]]})
    assert (refused.status_code, refused.json()["code"]) == (403, "internal_only")


async def test_looking_changes_nothing_and_following_confirms_once(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID, visitor: httpx.AsyncClient
) -> None:
    await create_purpose(contacts, name="News & <more>")
    consent = await request_for(contacts)
    path = (await requests_of(mitra, tenant_id, consent["id"]))["requests"][0]["path"]
    for _ in range(2):
        page = await visitor.get(path)
        assert (page.status_code, page.headers["content-type"], page.headers["cache-control"]) == (
            200,
            "text/html; charset=utf-8",
            "no-store",
        )
        assert "Dürfen wir Ihnen schreiben?" in page.text
        assert "<form" in page.text
        assert "News &amp; &lt;more&gt;" in page.text
    assert (await contacts.get(f"/v1/consents/{consent['id']}")).json() == consent
    told = len(await mitra.outbox("contacts"))
    for _ in range(2):
        thanks = await visitor.post(path)
        assert (thanks.status_code, "<form" in thanks.text) == (200, False)
    granted = (await contacts.get(f"/v1/consents/{consent['id']}")).json()
    assert (granted["status"], granted["version"], granted["proof"]["kind"]) == ("granted", 2, "confirmation")
    event = (await mitra.outbox("contacts"))[told:]
    assert [(each.type, each.actor) for each in event] == [("contacts.consent.granted.v1", f"contact:{consent['contact_id']}")]
    assert "<form" not in (await visitor.get(path)).text


async def test_a_link_confirms_its_own_request_and_none_after_it(
    mitra: Mitra, contacts: httpx.AsyncClient, tenant_id: UUID, visitor: httpx.AsyncClient
) -> None:
    await create_purpose(contacts)
    consent = await request_for(contacts)
    old = (await requests_of(mitra, tenant_id, consent["id"]))["requests"][0]["path"]
    mitra.clock.advance(days=8)
    for verb in (visitor.get, visitor.post):
        answer = await verb(old)
        assert (answer.status_code, answer.json()["code"]) == (410, "request_over")
    await mitra.drain()
    assert (await ask(contacts, consent["contact_id"])).json()["status"] == "pending"
    assert (await visitor.post(old)).status_code == 410
    new = (await requests_of(mitra, tenant_id, consent["id"]))["requests"][0]["path"]
    assert (await visitor.post(new)).status_code == 200
    await contacts.post(f"/v1/consents/{consent['id']}/withdraw")
    assert (await visitor.post(new)).status_code == 410
    assert (await contacts.get(f"/v1/consents/{consent['id']}")).json()["status"] == "withdrawn"


async def test_a_link_that_is_not_ours_leads_nowhere(mitra: Mitra, tenant_id: UUID, visitor: httpx.AsyncClient) -> None:
    link = {"tenant": str(tenant_id), "contact": str(uuid4()), "consent": str(uuid4()), "version": 1}
    ours = SignedLinks(KeyPairs.load(mitra.settings.keys_folder, "contacts_svc").link_secret(), "consent")
    other_purpose = SignedLinks(KeyPairs.load(mitra.settings.keys_folder, "contacts_svc").link_secret(), "unsubscribe")
    other_service = SignedLinks(KeyPairs.load(mitra.settings.keys_folder, "demo_svc").link_secret(), "consent")
    for token in ("rubbish", other_purpose.sign(link), other_service.sign(link), ours.sign(link)):
        for verb in (visitor.get, visitor.post):
            assert (await verb(f"/v1/consents/links/{token}")).status_code == 404
    assert (await visitor.get("/v1/consents")).status_code == 401


async def test_who_follows_links_too_fast_is_asked_to_wait(mitra: Mitra) -> None:
    own = GatewaySettings().model_copy(update={"requests_per_second": 1, "burst": 3})
    front = Front(dict(mitra.apps), mitra.settings, own)
    visitor = httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://m")
    statuses = [(await visitor.get("/v1/consents/links/rubbish")).status_code for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
