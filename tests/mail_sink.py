"""A real SMTP server for tests: in this process, or (`python -m tests.mail_sink`) in one of its own that notes every accepted recipient."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Thread
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

SEND_ID_HEADER = "X-Mitra-Send"


@dataclass(frozen=True)
class Mail:
    """A message as the sink took it."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class MailSink:
    """What arrived. `answers` makes it answer a recipient otherwise ("550 unknown"); for those in `breaking` it takes it and hangs up."""

    url: str = ""
    mails: list[Mail] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    breaking: set[str] = field(default_factory=set)

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        assert envelope.mail_from is not None
        assert isinstance(envelope.content, bytes)
        for recipient in envelope.rcpt_tos:
            self.mails.append(Mail(envelope.mail_from, recipient, envelope.content))
            if recipient in self.breaking:
                server.transport.abort()
        return "250 taken"


@contextlib.asynccontextmanager
async def mail_sink() -> AsyncIterator[MailSink]:
    """A sink on a free port of the loopback, as long as the context lasts."""
    sink = MailSink()
    async with _listening(lambda: sink) as port:
        sink.url = f"smtp://127.0.0.1:{port}"
        yield sink


@contextlib.contextmanager
def sink_beside() -> Iterator[MailSink]:
    """The same in a thread of its own, for tests that have no event loop."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opened = mail_sink()
    try:
        yield asyncio.run_coroutine_threadsafe(opened.__aenter__(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(opened.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.asynccontextmanager
async def _listening(handler: Callable[[], Any], port: int = 0) -> AsyncIterator[int]:
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(SMTP(handler(), hostname="sink.example", enable_SMTPUTF8=True, loop=asyncio.get_running_loop()))
        return sessions[-1]

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in sessions:
            if each.transport is not None:
                each.transport.abort()
        await asyncio.sleep(0)


class Notebook:
    """Writes the send id and the recipient of every message that it takes, before it says so."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        headers = envelope.content.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
        name = SEND_ID_HEADER.lower().encode() + b":"
        send_id = next((line[len(name) :].strip() for line in headers if line.lower().startswith(name)), b"-")
        for recipient in envelope.rcpt_tos:
            self._file.write(send_id + b" " + recipient.encode() + b"\n")
        return "250 taken"


async def _serve(notebook: Notebook, port: int) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with _listening(lambda: notebook, port) as listening:
        print(listening, flush=True)
        await stopping.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="mail_sink")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--notebook", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(Notebook(arguments.notebook), arguments.port))
