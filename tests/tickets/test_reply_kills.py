"""A worker that is killed while it hands a reply over: the mail is out once or not at all, and nobody ever sends it again."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from uuid import UUID

import httpx
from sqlalchemy import select

from services.up import environment
from tests.harness import Mitra
from tests.mail_sink import MailSink
from tests.tickets import make
from tickets_svc.messages.models import MailOut

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60.0


async def kill_worker(mitra: Mitra, point: str) -> None:
    """Run a worker of tickets in a process of its own until it dies at `point`."""
    env = environment(mitra.settings) | {"MITRA_FAIL_POINTS": json.dumps({point: 1.0})}
    command = [sys.executable, "-m", "services.command", "work", "tickets", "--parent", str(os.getpid())]
    worker = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(SECONDS):
            assert await worker.wait() == -signal.SIGKILL
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


async def queue_reply(mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, mailbox_id: str, *, to: str) -> str:
    """A reply to a customer with an address, which no worker has seen; answers the path of its ticket's messages."""
    contacts = mitra.client("contacts", mitra.caller(tenant_id))
    person = {"kind": "person", "given_name": "Asha", "emails": [{"address": to}]}
    contact = await make.post(contacts, "/v1/contacts", person, status=201)
    path = f"/v1/tickets/{(await make.create(desk, contact_id=contact['id']))['id']}/messages"
    await make.post(desk, path, {"text": "It is on its way", "mailbox_id": mailbox_id}, status=201)
    return path


async def states(mitra: Mitra, tenant_id: UUID) -> list[str]:
    async with mitra.session("tickets", tenant_id) as session:
        return list(await session.scalars(select(MailOut.state).order_by(MailOut.message_id)))


async def test_a_reply_whose_worker_is_killed_ends_unknown_and_is_never_sent_again(
    mitra: Mitra, desk: httpx.AsyncClient, tenant_id: UUID, sink: MailSink
) -> None:
    """Asha's worker dies before the mail server is asked, Bela's once it has said yes; neither is told, so neither mail is tried again."""
    mailbox = await make.post(desk, "/v1/mailboxes", {"name": "Help", "address": "help@desk.example"}, status=201)
    paths = [await queue_reply(mitra, desk, tenant_id, mailbox["id"], to="asha@example.com")]
    await kill_worker(mitra, "reply.after_claim")
    assert (await states(mitra, tenant_id), sink.mails) == (["claimed"], [])
    paths.append(await queue_reply(mitra, desk, tenant_id, mailbox["id"], to="bela@example.com"))
    await kill_worker(mitra, "reply.after_accept")
    assert await states(mitra, tenant_id) == ["unknown", "claimed"]
    assert [mail.recipient for mail in sink.mails] == ["bela@example.com"]
    await mitra.drain()
    mitra.clock.advance(days=2)
    await mitra.drain()
    assert await states(mitra, tenant_id) == ["unknown", "unknown"]
    assert [mail.recipient for mail in sink.mails] == ["bela@example.com"]
    for path in paths:
        (message,) = (await desk.get(path)).json()["items"]
        assert (message["status"], message["version"]) == ("queued", 1)
