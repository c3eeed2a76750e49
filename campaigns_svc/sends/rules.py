"""Whether a contact may be written to, and why not. What stands first in `decide_skip` is what is told."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.events.campaigns import SkipReason


class Consent(Protocol):
    """How a contact stands to one purpose, channel and topic."""

    @property
    def consent_id(self) -> UUID: ...
    @property
    def purpose(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def topic_id(self) -> UUID | None: ...
    @property
    def status(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a recipient at the moment of sending."""

    is_known: bool
    consent_id: UUID | None
    address_hash: str | None
    is_barred: bool = False
    is_repeated: bool = False
    is_capped: bool = False


def decide_skip(standing: Standing) -> SkipReason | None:
    """Why a recipient is not written to, None where nothing is in the way."""
    if not standing.is_known:
        return "erased"
    if standing.consent_id is None:
        return "no_consent"
    if standing.address_hash is None:
        return "invalid_address"
    if standing.is_barred:
        return "suppressed"
    if standing.is_repeated:
        return "duplicate_address"
    return "capped" if standing.is_capped else None


def find_consent(consents: Iterable[Consent], *, purpose: str, channel: str, topic_id: UUID | None) -> UUID | None:
    """The granted consent that covers a campaign. What was said of its topic itself counts before what was said of the purpose."""
    fitting = {consent.topic_id: consent for consent in consents if (consent.purpose, consent.channel) == (purpose, channel)}
    decisive = fitting.get(topic_id) or fitting.get(None)
    return decisive.consent_id if decisive is not None and decisive.status == "granted" else None


def decide_allowance(limits: Iterable[tuple[int | None, int]], *, most: int) -> int:
    """How many may go out now: of each (limit, sent within its time) what is left, and no more than `most`."""
    return max(0, min([most, *(limit - sent for limit, sent in limits if limit is not None)]))
