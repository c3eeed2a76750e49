"""Request bodies: none larger than the door lets through, whatever the request says of its length."""

from starlette.types import Message, Receive, Send

from services.errors import TooLarge

from .headers import Incoming


class BodyLimit:
    """Counts a body whose length was not told. Where it grows too large, the service sees its caller leave and its answer is held back."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int) -> None:
        self._receive = receive
        self._send = send
        self._most = most_bytes
        self._seen = 0
        self._started = False

    async def receive(self) -> Message:
        """The next message, or that the caller left when it is too much."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self._most:
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Pass an answer on, unless the body was too large."""
        if self._seen <= self._most:
            self._started = True
            await self._send(message)

    def check(self) -> None:
        """Raises TooLarge when the body was, and nothing was answered yet."""
        if self._seen > self._most and not self._started:
            raise too_large(self._most)


def check_length(incoming: Incoming, most_bytes: int) -> None:
    """Raises TooLarge for a request that says itself that its body is."""
    if incoming.content_length is not None and incoming.content_length > most_bytes:
        raise too_large(most_bytes)


def too_large(most_bytes: int) -> TooLarge:
    """The refusal of a body that is too large."""
    return TooLarge(f"A request carries at most {most_bytes:,} bytes")
