"""Who carries the messages out: what sending asks of a provider, and the one that speaks SMTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, Protocol
from uuid import UUID

from services.mail import Mailer

Found = Literal["taken", "refused", "unseen"]


class Provider(Protocol):
    """Carries messages out, several at a time: each lane is used by one task."""

    lanes: int

    async def send(self, content: bytes, *, sender: str, recipient: str, lane: int) -> None:
        """Hand a message over. Raises MailRefused, MailUnavailable, and MailUncertain where nobody knows."""

    async def find(self, send_id: UUID) -> Found | None:
        """What the provider's own record says of a send id, None where it keeps none that can be asked."""


class SmtpProvider:
    """A mail server, over a few connections. It keeps no record that we could ask."""

    def __init__(self, smtp_url: str, *, lanes: int = 8) -> None:
        self.lanes = lanes
        self._mailers = [Mailer(smtp_url) for _ in range(lanes)]

    async def send(self, content: bytes, *, sender: str, recipient: str, lane: int) -> None:
        await self._mailers[lane].send_content(content, sender=sender, recipient=recipient)

    async def find(self, _send_id: UUID) -> Found | None:
        return None

    async def close(self) -> None:
        """Give the connections back."""
        for mailer in self._mailers:
            await mailer.close()


@asynccontextmanager
async def open_provider(smtp_url: str) -> AsyncIterator[Provider]:
    """The provider behind the address of a mail server, closed at the end."""
    provider = SmtpProvider(smtp_url)
    try:
        yield provider
    finally:
        await provider.close()
