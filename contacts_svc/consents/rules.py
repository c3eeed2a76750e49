"""What may become of a consent, until when, and what proves it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from services.errors import Conflict, WrongState, invalid_field

ConsentVerb = Literal["request", "confirm", "grant", "withdraw"]
ConsentTimer = Literal["lapse", "expire"]

MOVES: Mapping[ConsentVerb | ConsentTimer, tuple[frozenset[str], str]] = {
    "request": (frozenset({"unknown", "expired"}), "pending"),
    "confirm": (frozenset({"pending"}), "granted"),
    "grant": (frozenset({"unknown", "expired", "withdrawn"}), "granted"),
    "withdraw": (frozenset({"granted"}), "withdrawn"),
    "lapse": (frozenset({"pending"}), "unknown"),
    "expire": (frozenset({"granted"}), "expired"),
}
"""Where each verb and each timer fits, and where it leads. Who has no consent at all is `unknown`, and so is whose consent has expired:
both may be asked again. Who has withdrawn may not be; only a new proof brings the consent back.
"""
VERBS: tuple[ConsentVerb, ...] = ("request", "confirm", "grant", "withdraw")
CONFIRM_WITHIN = timedelta(days=7)
SKEW = timedelta(minutes=5)


class NewProofNeeded(Conflict):
    """A consent that was withdrawn comes back only by a proof from after the withdrawal."""

    code = "new_proof_needed"


def check_move(verb: ConsentVerb, status: str) -> str:
    """The status to which `verb` leads. Raises WrongState where it does not fit the present one."""
    fits, leads_to = MOVES[verb]
    if status not in fits:
        raise WrongState(verb, state=status, verbs_that_fit=[each for each in VERBS if status in MOVES[each][0]])
    return leads_to


def check_proof(proved_at: datetime | None, *, now: datetime, withdrawn_at: datetime | None = None) -> None:
    """Raises Invalid for a grant without a proof or with one from the future, NewProofNeeded for one from before the withdrawal."""
    if proved_at is None:
        raise invalid_field("/proof", "missing", "A consent is granted by a proof: what shows it, and when")
    if proved_at > now + SKEW:
        raise invalid_field("/proof/at", "in_the_future", "This instant lies in the future")
    if withdrawn_at is not None and proved_at <= withdrawn_at:
        raise NewProofNeeded(f"The consent was withdrawn at {withdrawn_at.isoformat()}; the proof is older than that")


def check_request(*, is_proved: bool, has_end: bool) -> None:
    """Raises Invalid for a request that brings what only its confirmation can: a proof, or an end."""
    if is_proved:
        raise invalid_field("/proof", "not_for_requests", "A request is proved by its confirmation; what is proved already is 'granted'")
    if has_end:
        raise invalid_field("/expires_at", "not_for_requests", "A request is open for 7 days; its consent ends as its purpose says")


def check_end(expires_at: datetime | None, *, now: datetime) -> None:
    """Raises Invalid for a consent that would have ended already."""
    if expires_at is not None and expires_at <= now:
        raise invalid_field("/expires_at", "past", "A consent ends in the future")


def end_of(expires_at: datetime | None, valid_days: int | None, *, now: datetime) -> datetime | None:
    """When a consent that is granted now ends: as it was said, else as its purpose says, else never."""
    if expires_at is not None or valid_days is None:
        return expires_at
    return now + timedelta(days=valid_days)


def time_passes(status: str) -> str:
    """What becomes of a consent whose time has come."""
    return next(leads_to for fits, leads_to in (MOVES["lapse"], MOVES["expire"]) if status in fits)
