"""What is said under a ticket: notes, replies, the first response, and that no word of it leaves."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.harness import Mitra
from tests.tickets import make

OWNER_HELD = {"text", "html", "version", "updated_at", "sender_address", "subject_line"}


async def say(desk: httpx.AsyncClient, ticket: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return await make.post(desk, f"/v1/tickets/{ticket['id']}/messages", {"text": make.CANARY, **fields}, status=201)


async def test_the_first_reply_is_the_first_response_and_opens_the_ticket(mitra: Mitra, desk: httpx.AsyncClient, me: Any) -> None:
    ticket = await make.create(desk, opened_at="2026-03-02T08:00:00Z")
    first = await say(desk, ticket, at="2026-03-02T08:30:00Z", html=f"<b onclick='x()'>{make.CANARY}</b><script>x()</script>")
    assert (first["html"], first["direction"], first["status"], first["author_id"]) == (f"<b>{make.CANARY}</b>", "out", "sent", str(me))
    await say(desk, ticket, at="2026-03-02T08:40:00Z")
    read = (await desk.get(f"/v1/tickets/{ticket['id']}")).json()
    assert (read["status"], read["first_responded_at"], read["version"]) == ("open", "2026-03-02T08:30:00Z", 2)
    _, sent, responded, again = await mitra.outbox("tickets")
    assert (sent.type, sent.sequence, sent.time) == ("tickets.message.sent.v1", 1, datetime.fromisoformat("2026-03-02T08:30:00Z"))
    assert sent.data["state"] == {name: value for name, value in first.items() if name not in OWNER_HELD}
    assert (responded.type, responded.data["seconds_elapsed"]) == ("tickets.ticket.first_responded.v1", 1800)
    assert responded.data["changed"] == ["first_responded_at", "status", "status_since"]
    assert again.type == "tickets.message.sent.v1"
    assert responded.data["state"] == make.public(read)


async def test_a_note_opens_a_new_ticket_and_answers_nobody(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    note = await say(desk, ticket, kind="internal")
    await say(desk, ticket, kind="internal")
    assert (note["status"], note["direction"]) == ("noted", "none")
    read = (await desk.get(f"/v1/tickets/{ticket['id']}")).json()
    assert (read["status"], read["first_responded_at"], read["version"]) == ("open", None, 2)
    facts = [event.type.removeprefix("tickets.") for event in await mitra.outbox("tickets")]
    assert facts == ["ticket.opened.v1", "message.created.v1", "ticket.status_changed.v1", "message.created.v1"]


async def test_no_word_leaves_and_messages_come_in_the_order_of_what_happened(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket, other = [await make.create(desk, opened_at="2026-03-01T00:00:00Z") for _ in range(2)]
    for hour in (3, 1, 2):
        await say(desk, ticket, at=f"2026-03-02T0{hour}:00:00Z", kind="internal" if hour == 2 else "public")
    path = f"/v1/tickets/{ticket['id']}/messages"
    listed = (await desk.get(path)).json()["items"]
    assert [each["happened_at"][11:13] for each in listed] == ["01", "02", "03"]
    assert len((await desk.get(path, params={"filter": 'kind = "internal"', "order_by": "-created_at"})).json()["items"]) == 1
    assert (await desk.get(f"/v1/tickets/{other['id']}/messages")).json()["items"] == []
    assert not any(make.CANARY in event.to_json().decode() for event in await mitra.outbox("tickets"))


@pytest.mark.parametrize("fields", [{"text": ""}, {"kind": "system"}, {"at": "2026-03-01T00:00:00Z"}, {"at": "2027-03-01T00:00:00Z"}])
async def test_what_cannot_be_said_is_refused(mitra: Mitra, desk: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    ticket = await make.create(desk)
    assert (await desk.post(f"/v1/tickets/{ticket['id']}/messages", json={"text": "a", **fields})).status_code == 422
    assert len(await mitra.outbox("tickets")) == 1


async def test_of_fifty_replies_at_once_one_is_the_first(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    await asyncio.gather(*(say(desk, ticket) for _ in range(50)))
    facts = [event.type for event in await mitra.outbox("tickets")]
    assert (facts.count("tickets.ticket.first_responded.v1"), facts.count("tickets.message.sent.v1"), len(facts)) == (1, 50, 52)
    assert len((await desk.get(f"/v1/tickets/{ticket['id']}/messages", params={"page_size": 100})).json()["items"]) == 50


async def test_messages_of_another_tenant_are_not_there(mitra: Mitra, desk: httpx.AsyncClient) -> None:
    ticket = await make.create(desk)
    await say(desk, ticket)
    stranger = mitra.client("tickets", mitra.caller(await mitra.new_tenant()))
    assert (await stranger.get(f"/v1/tickets/{ticket['id']}/messages")).status_code == 404
    assert (await stranger.post(f"/v1/tickets/{ticket['id']}/messages", json={"text": "a"})).status_code == 404
