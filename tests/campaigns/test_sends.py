"""Sending: one mail to each who may be written to, and for everybody else the reason why not."""

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, update

from campaigns_svc.campaigns.queries import get_campaign
from campaigns_svc.sends import sending
from campaigns_svc.sends.models import QueuedSend
from campaigns_svc.sends.providers import Found
from services import job_runner
from services.contact_resolver import ContactResolver, ContactsDown
from services.contracts import REGISTRY
from services.references import ConsentReference
from services.routing import allows
from tests.campaigns import make
from tests.harness import Mitra
from tests.mail_sink import MailSink


async def recipients(campaigns: httpx.AsyncClient, campaign_id: str, **query: Any) -> dict[UUID, tuple[str, str | None]]:
    """Where every recipient of a campaign stands, by contact."""
    found: dict[UUID, tuple[str, str | None]] = {}
    cursor = None
    while True:
        params = {"page_size": 7} | query | ({"cursor": cursor} if cursor else {})
        answer = await campaigns.get(f"/v1/campaigns/{campaign_id}/recipients", params=params)
        assert answer.status_code == 200, answer.text
        found |= {UUID(each["contact_id"]): (each["state"], each["skip_reason"]) for each in answer.json()["items"]}
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


async def test_everybody_who_wants_the_news_gets_one_mail(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    ids = await make.contacts(mitra, tenant_id, [make.person(number) for number in range(5)])
    consents = await make.consents(mitra, tenant_id, ids)
    campaign = await make.scheduled(campaigns)
    await mitra.drain()
    assert Counter(mail.recipient for mail in sink.mails) == Counter(f"zqcanary{number}@example.com" for number in range(5))
    sends = (await campaigns.get("/v1/sends")).json()["items"]
    assert {mail.message["X-Mitra-Send"] for mail in sink.mails} == {send["id"] for send in sends}
    assert {(UUID(send["contact_id"]), UUID(send["consent_id"])) for send in sends} == set(consents.items())
    assert {send["lifecycle_then"] for send in sends} == {"suspect"}
    ended = (await campaigns.get(f"/v1/campaigns/{campaign['id']}")).json()
    assert ended["status"] == "completed"
    counts = (await campaigns.get(f"/v1/campaigns/{campaign['id']}/counts")).json()
    assert counts == {"planned": 0, "claimed": 0, "unknown": 0, "sent": 5, "skipped": 0, "failed": 0}


async def test_the_mail_is_as_its_template_says_with_a_way_out(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    await make.readers(mitra, tenant_id, 1)
    await make.scheduled(campaigns)
    await mitra.drain()
    (mail,) = sink.mails
    message = mail.message
    assert (mail.sender, message["From"]) == ("zqcanary@example.com", "zqcanary shop <zqcanary@example.com>")
    assert (message["To"], message["Subject"]) == ("zqcanary0@example.com", "zqcanary Asha0")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    way_out = message["List-Unsubscribe"].strip("<>")
    assert way_out.startswith("http://127.0.0.1:8000/v1/track/unsubscribe/")
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert page is not None
    assert f"Hello Asha0, stop: {way_out}" in text.get_content()
    assert "Hello Asha0" in page.get_content()
    assert "https://shop.example.com" not in page.get_content()
    assert "/v1/track/clicks/" in page.get_content()
    assert "/v1/track/opens/" in page.get_content()


async def test_everybody_else_is_skipped_and_the_reason_is_told(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    bodies = {
        "sent": make.person(1),
        "no_consent": make.person(2),
        "suppressed": make.person(3),
        "invalid_address": {"given_name": "Nobody", "phones": [{"raw": "+49 171 5550199"}]},
        "duplicate_address": make.person(1),
        "missing_variable": {"display_name": "Nameless", "emails": [{"address": "zqcanary9@example.com"}]},
        "failed": make.person(4),
        "erased": make.person(5),
    }
    ids = dict(zip(bodies, await make.contacts(mitra, tenant_id, list(bodies.values())), strict=True))
    await make.consents(mitra, tenant_id, [contact_id for name, contact_id in ids.items() if name != "no_consent"])
    await make.consents(mitra, tenant_id, [ids["no_consent"]], status="withdrawn")
    await make.create(campaigns, "suppressions", {"address": "ZQcanary3@example.com"})
    sink.answers["zqcanary4@example.com"] = "550 5.1.1 nobody"
    campaign = await make.scheduled(campaigns)
    await mitra.workers["campaigns"].jobs.ensure_schedules()
    async with mitra.databases["campaigns"].engine.connect() as connection:
        await mitra.workers["campaigns"].jobs.step(connection)
    contacts = mitra.client("contacts", mitra.caller(tenant_id))
    await make.act(contacts, f"/v1/contacts/{ids['erased']}/archive")
    await mitra.drain()
    found = await recipients(campaigns, campaign["id"])
    expected = {name: ("skipped", name) for name in ids} | {"failed": ("failed", None)}
    one, other = found.pop(ids["sent"]), found.pop(ids["duplicate_address"])
    assert {one, other} == {("sent", None), ("skipped", "duplicate_address")}
    assert found == {contact_id: expected[name] for name, contact_id in ids.items() if contact_id in found}
    assert len(found) == 6
    assert [mail.recipient for mail in sink.mails] == ["zqcanary1@example.com"]
    (failed,) = (await campaigns.get("/v1/sends", params={"filter": 'status = "failed"'})).json()["items"]
    assert failed["code"] == 550
    only = await recipients(campaigns, campaign["id"], filter='skip_reason = "suppressed"')
    assert only == {ids["suppressed"]: ("skipped", "suppressed")}


async def test_a_share_is_held_out_and_told_of_and_never_written_to(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    ids = await make.readers(mitra, tenant_id, 60)
    await make.create(campaigns, "holdouts", {"share_bps": 2_000, "salt": "world"})
    campaign = await make.scheduled(campaigns, holdout_bps=3_000)
    await mitra.drain()
    sends = (await campaigns.get("/v1/sends", params={"page_size": 200})).json()["items"]
    arms = {UUID(send["contact_id"]): send["arm"] for send in sends}
    assert arms.keys() == set(ids)
    explained = {}
    for contact_id in ids:
        answer = await campaigns.get(f"/v1/campaigns/{campaign['id']}/explain", params={"contact_id": str(contact_id)})
        explained[contact_id] = answer.json()["arm"]
    assert explained == arms
    assert Counter(arms.values())["treatment"] == len(sink.mails)
    assert {send["skip_reason"] for send in sends if send["arm"] != "treatment"} == {"holdout"}
    assert {"holdout", "global_holdout", "treatment"} == set(arms.values())


async def test_a_contact_is_not_written_to_more_often_than_the_cap(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    (contact_id,) = await make.readers(mitra, tenant_id, 1)
    for _ in range(2):
        await make.scheduled(campaigns)
    await mitra.drain()
    third = await make.scheduled(campaigns, cap_sends=2, cap_days=7)
    await mitra.drain()
    assert (await recipients(campaigns, third["id"])) == {contact_id: ("skipped", "capped")}
    mitra.clock.advance(days=8)
    client = mitra.client("campaigns", mitra.caller(tenant_id))
    fourth = await make.scheduled(client, cap_sends=2, cap_days=7)
    await mitra.drain()
    assert (await recipients(client, fourth["id"])) == {contact_id: ("sent", None)}


async def test_a_consent_withdrawn_between_start_and_sending_counts(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    (contact_id,) = await make.readers(mitra, tenant_id, 1)
    campaign = await make.scheduled(campaigns)
    async with mitra.databases["campaigns"].engine.connect() as connection:
        await mitra.workers["campaigns"].jobs.step(connection)
    assert (await recipients(campaigns, campaign["id"])) == {contact_id: ("planned", None)}
    async with mitra.session("campaigns", tenant_id) as session:
        await session.execute(update(ConsentReference).values(status="withdrawn"))
        await session.commit()
    await mitra.drain()
    assert (await recipients(campaigns, campaign["id"])) == {contact_id: ("skipped", "no_consent")}
    assert sink.mails == []


async def test_what_was_said_of_a_topic_counts_before_what_was_said_of_the_purpose(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    topic = uuid4()
    general, against = await make.contacts(mitra, tenant_id, [make.person(1), make.person(2)])
    await make.consents(mitra, tenant_id, [general, against])
    await make.consents(mitra, tenant_id, [against], topic_id=topic, status="withdrawn")
    campaign = await make.scheduled(campaigns, topic_id=str(topic))
    await mitra.drain()
    assert await recipients(campaigns, campaign["id"]) == {general: ("sent", None), against: ("skipped", "no_consent")}


async def test_a_paused_campaign_waits_and_a_stopped_one_skips_the_rest(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    ids = await make.readers(mitra, tenant_id, 3)
    campaign = await make.scheduled(campaigns)
    path = f"/v1/campaigns/{campaign['id']}"
    async with mitra.databases["campaigns"].engine.connect() as connection:
        await mitra.workers["campaigns"].jobs.step(connection)
    await make.act(campaigns, f"{path}/pause")
    await mitra.drain()
    assert sink.mails == []
    await make.act(campaigns, f"{path}/stop", reason_code="changed_mind")
    await mitra.drain()
    assert await recipients(campaigns, campaign["id"]) == dict.fromkeys(ids, ("skipped", "campaign_stopped"))
    assert sink.mails == []


async def test_a_resumed_campaign_goes_on(mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink) -> None:
    await make.readers(mitra, tenant_id, 3)
    campaign = await make.scheduled(campaigns)
    async with mitra.databases["campaigns"].engine.connect() as connection:
        await mitra.workers["campaigns"].jobs.step(connection)
    for verb in ("pause", "resume"):
        await make.act(campaigns, f"/v1/campaigns/{campaign['id']}/{verb}")
    await mitra.drain()
    assert len(sink.mails) == 3


async def test_a_campaign_that_gets_on_is_not_given_up_however_often_its_worker_dies(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(point: str) -> None:
        if point == "send.after_record":
            raise Killed

    ids = await make.readers(mitra, tenant_id, 5)
    campaign = await make.scheduled(campaigns)
    runner = mitra.workers["campaigns"].jobs
    async with mitra.databases["campaigns"].engine.connect() as connection:
        await runner.step(connection)
    monkeypatch.setattr(job_runner, "MOST_BREAKS", 2)
    monkeypatch.setattr(sending, "CLAIM", 1)
    monkeypatch.setattr(sending, "reach", die)
    for _ in ids:
        async with mitra.databases["campaigns"].engine.connect() as connection:
            with pytest.raises(Killed):
                await runner.step(connection)
            await connection.invalidate()
    await mitra.drain()
    assert Counter((await recipients(campaigns, campaign["id"])).values()) == {("sent", None): 5}
    assert (await campaigns.get(f"/v1/campaigns/{campaign['id']}")).json()["status"] == "completed"
    assert len(sink.mails) == 5


async def test_a_campaign_in_the_name_of_a_blocked_sender_is_paused(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    await make.readers(mitra, tenant_id, 1)
    campaign = await make.scheduled(campaigns)
    async with mitra.databases["campaigns"].engine.connect() as connection:
        await mitra.workers["campaigns"].jobs.step(connection)
    await make.act(campaigns, f"/v1/senders/{campaign['sender_id']}/block")
    await mitra.drain()
    assert (await campaigns.get(f"/v1/campaigns/{campaign['id']}")).json()["status"] == "paused"
    assert sink.mails == []


async def test_no_more_go_out_in_a_minute_than_is_allowed(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    await make.readers(mitra, tenant_id, 5)
    await make.scheduled(campaigns, throttle_per_minute=2)
    sent = []
    for _ in range(4):
        await mitra.drain()
        sent.append(len(sink.mails))
        mitra.clock.advance(seconds=61)
    assert sent == [2, 4, 5, 5]


async def test_while_contacts_is_down_sends_wait_and_nothing_fails(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await make.readers(mitra, tenant_id, 2)
    campaign = await make.scheduled(campaigns)
    with monkeypatch.context() as patched:

        async def down(*_: Any) -> None:
            raise ContactsDown("contacts does not answer")

        patched.setattr(ContactResolver, "resolve", down)
        await mitra.drain()
        assert await recipients(campaigns, campaign["id"]) == dict.fromkeys(ids, ("planned", None))
    mitra.clock.advance(seconds=6)
    await mitra.drain()
    assert len(sink.mails) == 2


async def test_while_the_mail_server_is_away_or_busy_sends_wait(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    ids = await make.readers(mitra, tenant_id, 2)
    for number in range(2):
        sink.answers[f"zqcanary{number}@example.com"] = "451 later"
    campaign = await make.scheduled(campaigns)
    await mitra.drain()
    assert await recipients(campaigns, campaign["id"]) == dict.fromkeys(ids, ("planned", None))
    sink.answers.clear()
    mitra.clock.advance(seconds=6)
    await mitra.drain()
    assert len(sink.mails) == 2


async def test_nobody_is_written_to_again_of_whom_nobody_knows(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    cut_off, fine = await make.readers(mitra, tenant_id, 2)
    sink.breaking.add("zqcanary0@example.com")
    campaign = await make.scheduled(campaigns)
    await mitra.drain()
    assert await recipients(campaigns, campaign["id"]) == {cut_off: ("unknown", None), fine: ("sent", None)}
    ended = (await campaigns.get(f"/v1/campaigns/{campaign['id']}")).json()
    counts = (await campaigns.get(f"/v1/campaigns/{campaign['id']}/counts")).json()
    assert (ended["status"], counts["unknown"], counts["sent"], len(sink.mails)) == ("completed", 1, 1, 2)


class Recorder:
    """A provider that keeps a record of its own."""

    lanes = 1

    def __init__(self, answers: dict[UUID, Found]) -> None:
        self.answers = answers

    async def send(self, *_: Any, **__: Any) -> None:
        raise AssertionError("nothing is sent here")

    async def find(self, send_id: UUID) -> Found | None:
        return self.answers.get(send_id)


async def test_a_provider_that_keeps_a_record_says_what_became_of_the_unknown(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient
) -> None:
    ids = await make.readers(mitra, tenant_id, 3)
    campaign = await make.scheduled(campaigns)
    async with mitra.databases["campaigns"].engine.connect() as connection:
        await mitra.workers["campaigns"].jobs.step(connection)
    async with mitra.session("campaigns", tenant_id) as session:
        await session.execute(update(QueuedSend).values(state="unknown"))
        queued = {row.contact_id: row.id for row in (await session.scalars(select(QueuedSend))).all()}
        said: tuple[Found, ...] = ("taken", "refused", "unseen")
        provider = Recorder({queued[contact_id]: found for contact_id, found in zip(ids, said, strict=True)})
        await sending.settle_unknown(session, await get_campaign(session, UUID(campaign["id"])), provider, cost_minor=3)
        await session.commit()
    states = [state for state, _ in (await recipients(campaigns, campaign["id"])).values()]
    assert sorted(states) == ["failed", "planned", "sent"]
    (sent,) = (await campaigns.get("/v1/sends", params={"filter": 'status = "sent"'})).json()["items"]
    assert sent["cost_minor"] == 3


async def test_the_ledger_tells_of_every_send_once_and_folds_and_names_nobody(
    mitra: Mitra, tenant_id: UUID, campaigns: httpx.AsyncClient, sink: MailSink
) -> None:
    ids = await make.readers(mitra, tenant_id, 3)
    await make.contacts(mitra, tenant_id, [make.person(7)])
    await make.scheduled(campaigns)
    while await mitra.workers["campaigns"].consumer.step(wait_seconds=0.0):
        pass
    moved = True
    async with mitra.databases["campaigns"].engine.connect() as connection:
        while moved:
            moved = await mitra.workers["campaigns"].jobs.step(connection)
    events = await mitra.outbox("campaigns")
    told = {event.subject: event for event in events if event.type.startswith("campaigns.send.")}
    sends = (await campaigns.get("/v1/sends")).json()["items"]
    assert Counter(event.type for event in told.values()) == {"campaigns.send.sent.v1": 3, "campaigns.send.skipped.v1": 1}
    for send in sends:
        event = told[f"send/{send['id']}"]
        state = REGISTRY[event.type].model_validate(event.data).state.model_dump(mode="json")
        assert state == {name: send[name] for name in state}
        assert event.partition_key == f"{tenant_id}:{send['contact_id']}"
    assert make.CANARY not in "".join(event.to_json().decode() for event in events)
    assert len(ids) == 3
    assert allows(frozenset({"sends:read"}), "sends:read")


async def test_a_contact_that_nobody_knows_is_explained_too(mitra: Mitra, campaigns: httpx.AsyncClient) -> None:
    campaign = await make.campaign(campaigns)
    answer = await campaigns.get(f"/v1/campaigns/{campaign['id']}/explain", params={"contact_id": str(uuid4())})
    found = answer.json()
    assert (found["is_known"], found["included_by"], found["consent_id"], found["recipient"]) == (False, [], None, None)
