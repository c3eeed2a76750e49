"""ETag and If-Match: a caller says which version it read, and gets 412 when the record has moved on."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Header, Response

from services.errors import PreconditionMissing, Stale, invalid_field

ETAG = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')
IfMatch = Annotated[str | None, Header(alias="If-Match", description='The ETag that was read, such as "3"')]


def check_version(present: int, if_match: str | None) -> None:
    """Raises PreconditionMissing without an If-Match, Invalid for a malformed one, Stale when it names another version."""
    if if_match is None:
        raise PreconditionMissing("Send If-Match with the ETag that you read")
    wanted = ETAG.fullmatch(if_match.strip())
    if wanted is None and if_match.strip() != "*":
        raise invalid_field("#header/If-Match", "etag", "If-Match takes the ETag of the record")
    if wanted is not None and int(wanted[1]) != present:
        raise Stale(f"The record is at version {present}; read it again")


def stamp(response: Response, noun: str, record: object) -> None:
    """Put the record's ETag and its Mitra-Version (`noun/<id>@version`) on an answer."""
    stamp_version(response, noun, record.id, record.version)  # type: ignore[attr-defined]


def stamp_version(response: Response, noun: str, record_id: UUID, version: int) -> None:
    """The same for a record of which only this is at hand."""
    response.headers["ETag"] = f'"{version}"'
    response.headers["Mitra-Version"] = f"{noun}/{record_id}@{version}"
