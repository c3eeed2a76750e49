"""Which headers pass the door, in either direction."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.errors import Unauthenticated
from services.identifiers import new_id

Header = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer"}
    | {b"transfer-encoding", b"upgrade", b"expect"}
)
NEVER_IN = HOP_BY_HOP | {
    *(b"authorization", b"x-request-id", b"cookie", b"host"),
    *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-prefix", b"x-real-ip"),
}
NEVER_OUT = HOP_BY_HOP | {b"date", b"server"}
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
REQUEST_ID = re.compile(rb"[A-Za-z0-9-]{1,64}")
BEARER = re.compile(rb"bearer +([\x21-\x7e]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Incoming:
    """The headers of a request, sorted: what passes, and what the door itself reads."""

    passing: list[Header]
    authorization: list[bytes]
    request_id: bytes
    content_length: int | None
    is_chunked: bool

    def token(self) -> str:
        """The one bearer token. Raises Unauthenticated where there is none, or more than one to choose from."""
        found = BEARER.fullmatch(self.authorization[0]) if len(self.authorization) == 1 else None
        if found is None:
            raise Unauthenticated("Send one key: Authorization: Bearer mk_…")
        return found[1].decode("ascii")


def sort_incoming(headers: Iterable[Header]) -> Incoming:
    """Sort a request's headers (names in lower case). A request id or trace that is not sound is as good as none."""
    passing: list[Header] = []
    stopped: list[Header] = []
    content_length = None
    for header in headers:
        name, value = header
        if name in NEVER_IN:
            stopped.append(header)
            continue
        if name == b"content-length" and value.isdigit():
            content_length = int(value)
        elif name == b"traceparent" and TRACEPARENT.fullmatch(value) is None:
            continue
        passing.append(header)
    named = {part.strip().lower() for name, value in stopped if name == b"connection" for part in value.split(b",")}
    if named:
        passing = [header for header in passing if header[0] not in named or header[0] == b"content-length"]
    request_id = next((value for name, value in stopped if name == b"x-request-id"), b"")
    if REQUEST_ID.fullmatch(request_id) is None:
        request_id = str(new_id()).encode()
    return Incoming(
        passing,
        [value for name, value in stopped if name == b"authorization"],
        request_id,
        content_length,
        any(name == b"transfer-encoding" for name, _ in stopped),
    )


def sort_outgoing(headers: Iterable[Header]) -> list[Header]:
    """The headers of a service's answer that leave the house."""
    return [(lower, value) for name, value in headers if (lower := name.lower()) not in NEVER_OUT]
