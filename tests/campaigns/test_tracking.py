"""The links of our mails: what following one does, who may follow it, and what a machine's look counts for."""

import re
from datetime import timedelta
from html import unescape
from uuid import UUID

import httpx
import pytest

from campaigns_svc.tracking.rules import decide_machine
from services.contracts import REGISTRY
from tests.campaigns import make
from tests.gateway.conftest import Door
from tests.harness import Mitra
from tests.journeys.conftest import door
from tests.mail_sink import Mail, MailSink

__all__ = ["door"]
PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def link(mail: Mail, purpose: str) -> str:
    """The path of a link in the page of a mail."""
    page = mail.message.get_body(("html",))
    assert page is not None
    found = re.search(rf'"http://127.0.0.1:8000(/v1/track/{purpose}/[^"]+)"', page.get_content())
    assert found is not None
    return unescape(found[1])


def way_out(mail: Mail) -> str:
    return str(mail.message["List-Unsubscribe"]).strip("<>").removeprefix("http://127.0.0.1:8000")


@pytest.fixture
async def mail(mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink) -> Mail:
    """The one mail of a campaign, some time ago."""
    await make.readers(mitra, tenant_id, 1)
    await make.scheduled(campaigns)
    await mitra.drain()
    mitra.clock.advance(seconds=20)
    (mail,) = sink.mails
    return mail


async def _send(campaigns: httpx.AsyncClient) -> dict[str, object]:
    (send,) = (await campaigns.get("/v1/sends")).json()["items"]
    return dict(send)


async def test_a_click_leads_on_and_is_counted_without_a_key(mitra: Mitra, door: Door, campaigns: httpx.AsyncClient, mail: Mail) -> None:
    followed = await door.client().get(link(mail, "clicks"), headers=PERSON)
    assert (followed.status_code, followed.headers["Location"]) == (302, "https://shop.example.com/spring")
    looked = await door.client().get(link(mail, "opens"), headers=PERSON)
    assert (looked.status_code, looked.headers["Content-Type"], looked.content[:3]) == (200, "image/gif", b"GIF")
    send = await _send(campaigns)
    assert (send["clicks"], send["opens"], send["machine_hits"], send["version"]) == (1, 1, 0, 3)
    clicked, opened = await mitra.outbox("campaigns")
    assert (clicked.type, clicked.data["machine"], clicked.data["link_id"], clicked.sequence) == (
        "campaigns.send.clicked.v1",
        False,
        "1",
        2,
    )
    assert (opened.type, opened.data["machine"], opened.actor) == ("campaigns.send.opened.v1", False, f"contact:{send['contact_id']}")
    state = REGISTRY[opened.type].model_validate(opened.data).state.model_dump(mode="json")
    assert state == {name: send[name] for name in state}


async def test_what_machines_do_is_marked_and_counted_apart(mitra: Mitra, door: Door, campaigns: httpx.AsyncClient, mail: Mail) -> None:
    for headers in ({"User-Agent": "Googlebot/2.1"}, {"User-Agent": ""}, PERSON | {"Sec-Purpose": "prefetch"}):
        await door.client().get(link(mail, "clicks"), headers=headers)
    send = await _send(campaigns)
    assert (send["clicks"], send["machine_hits"]) == (0, 3)
    events = await mitra.outbox("campaigns")
    assert [event.data["machine_reason"] for event in events] == ["agent", "no_agent", "prefetch"]
    assert {event.data["machine"] for event in events} == {True}


@pytest.mark.parametrize(
    ("agent", "purpose", "seconds", "is_open", "reason"),
    [
        (PERSON["User-Agent"], "", 60, False, None),
        (PERSON["User-Agent"], "", 1, False, "too_fast"),
        (PERSON["User-Agent"], "prefetch;prerender", 60, False, "prefetch"),
        ("Barracuda Sentinel (EE)", "", 60, False, "agent"),
        ("python-requests/2.32", "", 60, True, "agent"),
        ("", "", 60, True, "no_agent"),
        ("Mozilla/5.0", "", 60, True, "image_proxy"),
        ("Mozilla/5.0", "", 60, False, None),
    ],
)
def test_a_machine_is_known_by_what_it_says_and_how_fast_it_is(
    agent: str, purpose: str, seconds: int, is_open: bool, reason: str | None
) -> None:
    since = timedelta(seconds=seconds)
    assert decide_machine(agent=agent, purpose=purpose, since_sent=since, is_open=is_open) == reason


async def test_to_look_at_the_way_out_changes_nothing(mitra: Mitra, door: Door, campaigns: httpx.AsyncClient, mail: Mail) -> None:
    for _ in range(2):
        page = await door.client().get(way_out(mail), headers=PERSON)
        assert (page.status_code, "Unsubscribe" in page.text) == (200, True)
    assert await mitra.outbox("campaigns") == []
    assert (await campaigns.get("/v1/suppressions")).json()["items"] == []


async def test_one_click_unsubscribes_at_once_and_once(
    mitra: Mitra, door: Door, tenant_id: UUID, campaigns: httpx.AsyncClient, mail: Mail, sink: MailSink
) -> None:
    for _ in range(2):
        answer = await door.client().post(way_out(mail), content=b"List-Unsubscribe=One-Click")
        assert answer.status_code == 200
    (suppression,) = (await campaigns.get("/v1/suppressions")).json()["items"]
    assert (suppression["reason"], suppression["scope"], suppression["status"]) == ("unsubscribe", "tenant", "active")
    added, unsubscribed = await mitra.outbox("campaigns")
    assert (added.type, unsubscribed.type) == ("campaigns.suppression.added.v1", "campaigns.subscription.unsubscribed.v1")
    send = await _send(campaigns)
    state = unsubscribed.data["state"]
    assert (state["contact_id"], state["campaign_id"], state["purpose"]) == (send["contact_id"], send["campaign_id"], "news")
    assert unsubscribed.partition_key == f"{tenant_id}:{send['contact_id']}"
    assert make.CANARY not in added.to_json().decode() + unsubscribed.to_json().decode()
    again = await make.scheduled(campaigns)
    await mitra.drain()
    (skipped,) = (await campaigns.get(f"/v1/campaigns/{again['id']}/recipients")).json()["items"]
    assert skipped["skip_reason"] in ("suppressed", "no_consent")
    assert len(sink.mails) == 1


async def test_a_link_that_is_none_of_ours_is_not_found(mitra: Mitra, door: Door, mail: Mail) -> None:
    forged = link(mail, "clicks")[:-3] + "abc"
    other = link(mail, "opens").replace("/opens/", "/clicks/")
    for path in (forged, other, "/v1/track/clicks/x", way_out(mail)[:-2]):
        answer = await door.client().get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_link"), path
    assert (await door.client().post(way_out(mail) + "x")).status_code == 404
    assert await mitra.outbox("campaigns") == []
