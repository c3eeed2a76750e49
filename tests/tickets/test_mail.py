"""Mail in and out: what joins a ticket, what is held, and that no reply is sent twice."""

from email.message import EmailMessage
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, update

from services.contact_resolver import ContactResolver, ContactsDown
from tests.harness import Mitra
from tests.mail_sink import MailSink
from tests.tickets import make
from tickets_svc.messages import letters
from tickets_svc.messages.models import MailOut

ASHA, EVE = "asha@example.com", "eve@example.com"
OURS = "help@desk.example"


@pytest.fixture
async def mailbox(desk: httpx.AsyncClient) -> dict[str, Any]:
    return await make.post(desk, "/v1/mailboxes", {"name": "Help", "address": OURS}, status=201)


@pytest.fixture
async def contact_id(mitra: Mitra, tenant_id: UUID) -> str:
    contacts = mitra.client("contacts", mitra.caller(tenant_id))
    body = {"kind": "person", "given_name": "Asha", "emails": [{"address": ASHA}]}
    return str((await make.post(contacts, "/v1/contacts", body, status=201))["id"])


def mail(sender: str = ASHA, *, to: str = OURS, text: str = make.CANARY, **headers: str) -> bytes:
    """A mail as a server hands it over; `_` in the name of a header is `-`."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, headers.pop("Subject", "My lamp")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


async def come_in(desk: httpx.AsyncClient, mailbox: dict[str, Any], raw: bytes, *, status: int = 200) -> dict[str, Any]:
    answer = await desk.post(f"/v1/mailboxes/{mailbox['id']}/inbound", content=raw, headers={"Content-Type": "message/rfc822"})
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def reply(desk: httpx.AsyncClient, ticket_id: Any, **fields: Any) -> dict[str, Any]:
    return await make.post(desk, f"/v1/tickets/{ticket_id}/messages", {"text": make.CANARY, **fields}, status=201)


async def sent_to_asha(
    mitra: Mitra, desk: httpx.AsyncClient, sink: MailSink, *, contact_id: str, mailbox: dict[str, Any]
) -> tuple[Any, Any]:
    """A ticket that waits for its customer, and the reply that she has."""
    ticket = await make.create(desk, contact_id=contact_id)
    await reply(desk, ticket["id"], mailbox_id=mailbox["id"])
    await make.act(desk, ticket["id"], "wait")
    await mitra.drain()
    return ticket, sink.mails[-1].message


async def states(mitra: Mitra, tenant_id: UUID) -> list[str]:
    async with mitra.session("tickets", tenant_id) as session:
        return list(await session.scalars(select(MailOut.state).order_by(MailOut.message_id)))


async def test_a_reply_goes_to_the_address_of_the_moment_and_its_answer_goes_on_with_the_ticket(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, sink: MailSink, mailbox: dict[str, Any], contact_id: str
) -> None:
    ticket = await make.create(desk, contact_id=contact_id)
    queued = await reply(desk, ticket["id"], mailbox_id=mailbox["id"], html=f"<p>{make.CANARY}</p>")
    assert (queued["status"], queued["channel"]) == ("queued", "email")
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json()["first_responded_at"] is not None
    await make.act(desk, ticket["id"], "wait")
    await mitra.drain()
    (taken,) = sink.mails
    message = taken.message
    assert (taken.sender, taken.recipient, message["From"]) == (OURS, ASHA, OURS)
    assert message["Subject"] == "Re: Where is my lamp? [#1]"
    assert message["Message-ID"] == f"<{queued['id']}@desk.example>"
    (shown,) = (await desk.get(f"/v1/tickets/{ticket['id']}/messages")).json()["items"]
    assert (shown["status"], shown["version"]) == ("sent", 2)
    assert await states(mitra, tenant_id) == ["sent"]
    answered = await come_in(desk, mailbox, mail(In_Reply_To=message["Message-ID"], Message_ID="<1@home>"))
    assert (answered["status"], answered["ticket_id"], answered["text"].strip()) == ("threaded", ticket["id"], make.CANARY)
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "open"
    facts = [(event.type.removeprefix("tickets."), event.sequence) for event in await mitra.outbox("tickets")]
    assert facts == [("message.received.v1", 1), ("ticket.status_changed.v1", 4)]


@pytest.mark.parametrize("way", ["references", "reply_address"])
async def test_a_mail_is_threaded_by_what_we_issued(
    mitra: Mitra, desk: httpx.AsyncClient, sink: MailSink, mailbox: dict[str, Any], contact_id: str, way: str
) -> None:
    ticket, letter = await sent_to_asha(mitra, desk, sink, contact_id=contact_id, mailbox=mailbox)
    assert len(str(letter["Reply-To"]).partition("@")[0]) <= 64
    raw = mail(References=f"<other@x> {letter['Message-ID']}") if way == "references" else mail(to=str(letter["Reply-To"]))
    assert (await come_in(desk, mailbox, raw))["ticket_id"] == ticket["id"]


@pytest.mark.parametrize(
    ("sender", "headers", "reason"),
    [
        (ASHA, {"Subject": "Re: Where is my lamp? [#1]"}, "no_thread"),
        (ASHA, {"In_Reply_To": "<0190a0a0-0000-7000-8000-000000000001@desk.example>"}, "no_thread"),
        (ASHA, {"to": "help+eyJuIjoxfQ.ZZZZZZ.forged@desk.example"}, "no_thread"),
        (EVE, {"In_Reply_To": "OURS"}, "stranger"),
        (EVE, {"to": "OURS"}, "stranger"),
    ],
)
async def test_strangers_and_what_names_nothing_of_ours_are_held(
    mitra: Mitra,
    desk: httpx.AsyncClient,
    sink: MailSink,
    mailbox: dict[str, Any],
    contact_id: str,
    sender: str,
    headers: dict[str, str],
    reason: str,
) -> None:
    ticket, letter = await sent_to_asha(mitra, desk, sink, contact_id=contact_id, mailbox=mailbox)
    issued = {"In_Reply_To": str(letter["Message-ID"]), "to": str(letter["Reply-To"])}
    held = await come_in(
        desk, mailbox, mail(sender, **{name: issued.get(name, "") if value == "OURS" else value for name, value in headers.items()})
    )
    assert (held["status"], held["held_reason"], held["ticket_id"]) == ("held", reason, None)
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "pending_customer"
    path = f"/v1/mailboxes/{mailbox['id']}/messages"
    assert [each["id"] for each in (await desk.get(path, params={"filter": 'status = "held"'})).json()["items"]] == [held["id"]]
    released = await make.post(desk, f"{path}/{held['id']}/release", {"ticket_id": ticket["id"]})
    assert (released["status"], released["ticket_id"], released["held_reason"]) == ("threaded", ticket["id"], None)
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "open"
    for verb in ("release", "discard"):
        assert (await desk.post(f"{path}/{held['id']}/{verb}", json={})).json()["code"] == "wrong_state"


async def test_a_held_mail_opens_a_ticket_whose_reply_goes_back_to_its_sender(
    mitra: Mitra, desk: httpx.AsyncClient, sink: MailSink, mailbox: dict[str, Any]
) -> None:
    held = await come_in(desk, mailbox, mail(EVE, Subject="Where are you?", Message_ID="<2@home>"))
    path = f"/v1/mailboxes/{mailbox['id']}/messages/{held['id']}"
    released = await make.post(desk, f"{path}/release", {})
    ticket = (await desk.get(f"/v1/tickets/{released['ticket_id']}")).json()
    assert (ticket["subject_line"], ticket["channel"], ticket["contact_id"], ticket["status"]) == ("Where are you?", "email", None, "new")
    await reply(desk, ticket["id"])
    await mitra.drain()
    (taken,) = sink.mails
    assert (taken.recipient, taken.message["In-Reply-To"]) == (EVE, "<2@home>")
    again = await come_in(desk, mailbox, mail(EVE, In_Reply_To=str(taken.message["Message-ID"])))
    assert again["status"] == "threaded"


async def test_a_repeat_is_dropped_and_an_automatic_answer_does_not_go_on(
    mitra: Mitra, desk: httpx.AsyncClient, sink: MailSink, mailbox: dict[str, Any], contact_id: str
) -> None:
    ticket, letter = await sent_to_asha(mitra, desk, sink, contact_id=contact_id, mailbox=mailbox)
    raw = mail(In_Reply_To=str(letter["Message-ID"]), Message_ID="<3@home>", Auto_Submitted="auto-replied")
    first, again = await come_in(desk, mailbox, raw), await come_in(desk, mailbox, raw)
    assert (first["id"], first["auto_reply"], first["status"]) == (again["id"], True, "threaded")
    assert (await desk.get(f"/v1/tickets/{ticket['id']}")).json()["status"] == "pending_customer"
    assert [event.type for event in await mitra.outbox("tickets")] == ["tickets.message.received.v1"]


async def test_contacts_down_and_the_mail_server_down_mean_waiting(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, sink: MailSink, mailbox: dict[str, Any], contact_id: str, monkeypatch: Any
) -> None:
    ticket = await make.create(desk, contact_id=contact_id)
    await reply(desk, ticket["id"], mailbox_id=mailbox["id"])

    async def down(*_: Any) -> None:
        raise ContactsDown("contacts answers 503")

    with monkeypatch.context() as patched:
        patched.setattr(ContactResolver, "resolve", down)
        await mitra.drain()
    assert (await states(mitra, tenant_id), sink.mails) == (["queued"], [])
    sink.answers[ASHA] = "451 later"
    mitra.clock.advance(minutes=1)
    await mitra.drain()
    assert (await states(mitra, tenant_id), sink.mails) == (["queued"], [])
    sink.answers.clear()
    mitra.clock.advance(minutes=1)
    await mitra.drain()
    assert (await states(mitra, tenant_id), len(sink.mails)) == (["sent"], 1)


@pytest.mark.parametrize("refusal", ["550 unknown", "nobody"])
async def test_a_reply_that_cannot_arrive_bounces(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, sink: MailSink, mailbox: dict[str, Any], contact_id: str, refusal: str
) -> None:
    sink.answers[ASHA] = refusal
    ticket = await make.create(desk, **({} if refusal == "nobody" else {"contact_id": contact_id}))
    await reply(desk, ticket["id"], mailbox_id=mailbox["id"])
    await mitra.drain()
    (shown,) = (await desk.get(f"/v1/tickets/{ticket['id']}/messages")).json()["items"]
    assert (shown["status"], await states(mitra, tenant_id), sink.mails) == ("bounced", ["failed"], [])


async def test_what_nobody_knows_is_never_sent_again(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, sink: MailSink, mailbox: dict[str, Any], contact_id: str
) -> None:
    sink.breaking.add(ASHA)
    ticket = await make.create(desk, contact_id=contact_id)
    await reply(desk, ticket["id"], mailbox_id=mailbox["id"])
    await mitra.drain()
    assert (await states(mitra, tenant_id), len(sink.mails)) == (["unknown"], 1)
    sink.breaking.clear()
    mitra.settings.smtp_url = ""
    await reply(desk, ticket["id"], mailbox_id=mailbox["id"])
    await mitra.drain()
    async with mitra.session("tickets", tenant_id) as session:  # as a worker leaves it that was killed in the middle
        await session.execute(update(MailOut).where(MailOut.state == "queued").values(state="claimed"))
        await session.commit()
    mitra.settings.smtp_url = sink.url
    mitra.clock.advance(minutes=10)
    await mitra.drain()
    assert (await states(mitra, tenant_id), len(sink.mails)) == (["unknown", "unknown"], 1)


async def test_no_word_and_no_address_of_a_mail_leaves(mitra: Mitra, desk: httpx.AsyncClient, mailbox: dict[str, Any]) -> None:
    sender = f"{make.CANARY}@example.com"
    held = await come_in(desk, mailbox, mail(sender, Subject=make.CANARY, Message_ID=f"<{make.CANARY}@x>"))
    await make.post(desk, f"/v1/mailboxes/{mailbox['id']}/messages/{held['id']}/release", {})
    other = await come_in(desk, mailbox, mail(sender))
    await make.post(desk, f"/v1/mailboxes/{mailbox['id']}/messages/{other['id']}/discard", {})
    events = await mitra.outbox("tickets")
    facts = [event.type.removeprefix("tickets.") for event in events]
    assert facts == [
        "mailbox.created.v1",
        "message.held.v1",
        "ticket.opened.v1",
        "message.released.v1",
        "message.held.v1",
        "message.discarded.v1",
    ]
    assert not any(make.CANARY in event.to_json().decode() or OURS in event.to_json().decode() for event in events)


@pytest.mark.parametrize("raw", [b"no mail", b"From: nobody\r\n\r\nhello", b"\xff\xfe\x00"])
async def test_what_is_no_mail_is_refused(desk: httpx.AsyncClient, mailbox: dict[str, Any], raw: bytes) -> None:
    await come_in(desk, mailbox, raw, status=422)


@pytest.mark.parametrize(
    "raw",
    [
        b"From: a@b.c\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\x00hello",
        b"From: =?bad?Q?x?= <a@b.c>\r\nSubject: =?utf-8?B?AAAA?=\r\nMessage-ID: <<>\r\nTo: ,;<\r\n\r\n",
        b"From: a@b.c\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/html\r\n\r\n<b onclick=1>h<script>x</script></b>",
    ],
)
async def test_a_mail_may_be_as_broken_as_it_likes(desk: httpx.AsyncClient, mailbox: dict[str, Any], raw: bytes) -> None:
    held = await come_in(desk, mailbox, raw)
    assert (held["status"], held["sender_address"]) == ("held", "a@b.c")
    assert "onclick" not in (held["html"] or "")


def test_a_reply_address_is_of_its_mailbox_alone() -> None:
    one, two = UUID(int=1), UUID(int=2)
    address = letters.reply_address("secret", one, OURS, 42)
    assert letters.number_of("secret", one, ("x@y", address)) == 42
    assert [letters.number_of(secret, box, (address,)) for secret, box in (("other", one), ("secret", two))] == [None, None]
