"""Following the link of a request: looking, which changes nothing, and confirming."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contacts_svc.consent_purposes.queries import find_purposes
from contacts_svc.consent_purposes.rules import wording_asked
from services.database import now
from services.errors import Gone

from .models import Consent
from .operations import confirm_consent, lock_consent
from .queries import get_consent


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a link leads: the purpose, its words as they were asked, and whether the consent is granted by this very link."""

    name: str
    wording: str
    language: str
    is_granted: bool


async def look_at_request(session: AsyncSession, link: Mapping[str, Any]) -> Followed:
    """What the link of a request is about. Raises NotFound, Gone when it can no longer be confirmed."""
    consent = await get_consent(session, UUID(link["consent"]))
    return await _followed(session, consent, is_granted=_is_confirmed(session, consent, link))


async def follow_link(session: AsyncSession, link: Mapping[str, Any]) -> Followed:
    """Confirm the request of a link; the second time nothing happens. Raises NotFound, Gone when it can no longer be confirmed."""
    row = await lock_consent(session, UUID(link["consent"]))
    consent = Consent(**row)
    if not _is_confirmed(session, consent, link):
        consent = await confirm_consent(session, row)
    return await _followed(session, consent, is_granted=True)


def _is_confirmed(session: AsyncSession, consent: Consent, link: Mapping[str, Any]) -> bool:
    """Whether this link has confirmed its request already. Raises Gone where the request lapsed, or the consent has moved on since."""
    if consent.status == "granted" and consent.version == link["version"] + 1:
        return True
    if consent.status != "pending" or consent.version != link["version"] or (consent.due_at or now(session)) <= now(session):
        raise Gone("This request can no longer be confirmed", code="request_over")
    return False


async def _followed(session: AsyncSession, consent: Consent, *, is_granted: bool) -> Followed:
    purpose = (await find_purposes(session, [consent.purpose]))[consent.purpose]
    wording = wording_asked(purpose.wordings, consent.wording_language, consent.wording_version)
    return Followed(purpose.name, wording["text"], consent.wording_language, is_granted)
