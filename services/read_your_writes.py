"""Read your writes: a reader of a projection names the version it has written, and waits a moment until it is applied."""

import asyncio
import re
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy import select

from services.database import Database
from services.errors import Unavailable, invalid_field
from services.positions import Applied
from services.routing import caller_of

VERSION = re.compile(r"([a-z][a-z0-9_]{0,63}/[0-9A-Za-z-]{1,64})@([0-9]{1,18})")
WAIT_SECONDS = 2.0
POLL_SECONDS = 0.02


class NotAppliedYet(Unavailable):
    """What the caller has written has not reached this projection within two seconds."""

    code = "not_applied_yet"


async def wait_for_version(
    request: Request,
    mitra_version: Annotated[str | None, Header(alias="Mitra-Version", description="What must be visible, such as order/<id>@7")] = None,
) -> None:
    """Wait up to two seconds until this service's consumer has applied the version that the caller names.

    Holds no connection while it waits. Raises Invalid for a malformed header, NotAppliedYet when the time is up.
    """
    if mitra_version is None:
        return
    wanted = VERSION.fullmatch(mitra_version.strip())
    if wanted is None:
        raise invalid_field("#header/Mitra-Version", "version", "Mitra-Version takes what a write answered, such as order/<id>@7")
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while not await _is_applied(request, subject=wanted[1], sequence=int(wanted[2])):
        if asyncio.get_running_loop().time() >= deadline:
            raise NotAppliedYet(f"{mitra_version} has not arrived here yet; try again in a moment")
        await asyncio.sleep(POLL_SECONDS)


async def _is_applied(request: Request, *, subject: str, sequence: int) -> bool:
    database: Database = request.app.state.database
    applied = select(Applied.sequence).where(
        Applied.consumer == request.app.state.manifest.name,
        Applied.subject == subject,
        Applied.tenant_id == caller_of(request).tenant_id,
        Applied.sequence >= sequence,
    )
    async with database.session() as session:
        return await session.scalar(applied) is not None


ReadYourWrites = Annotated[None, Depends(wait_for_version)]
