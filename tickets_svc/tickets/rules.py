"""What may be done with a ticket in which state, and when it happened. Every verb and when it fits: README.md."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.errors import WrongState, invalid_field

CLOSES_AFTER = timedelta(days=7)
"""A resolved ticket is closed when nobody came back for so long."""
REOPENS_WITHIN = timedelta(days=30)
"""A ticket that was closed longer ago is not reopened: a new one goes on with it."""
NOT_BEFORE = datetime(1900, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=5)

PENDING = ("pending_customer", "pending_third_party", "on_hold")
LIVE = ("new", "open", *PENDING)
ANYWHERE = (*LIVE, "resolved", "closed")
FITS = {
    "assign": LIVE,
    "route": LIVE,
    "escalate": LIVE,
    "wait": ("open",),
    "continue": PENDING,
    "resolve": LIVE,
    "reopen": ("resolved", "closed"),
    "watch": ANYWHERE,
}
"""Each verb and the states that it fits."""


class Standing(Protocol):
    """How a ticket stands: what every rule here looks at."""

    @property
    def status(self) -> str: ...
    @property
    def opened_at(self) -> datetime: ...
    @property
    def status_since(self) -> datetime: ...
    @property
    def closed_at(self) -> datetime | None: ...


def verbs_that_fit(status: str) -> list[str]:
    """The verbs that the present state allows."""
    return [verb for verb, states in FITS.items() if status in states]


def check_fits(verb: str, ticket: Standing) -> None:
    """Raises WrongState where the verb does not fit the ticket's state."""
    if ticket.status not in FITS[verb]:
        raise WrongState(verb, state=ticket.status, verbs_that_fit=verbs_that_fit(ticket.status))


def touched(status: str) -> str:
    """The status after somebody of the staff touched the ticket: a new one is open."""
    return "open" if status == "new" else status


def decide_instant(at: datetime | None, *, now: datetime, not_before: datetime = NOT_BEFORE, pointer: str = "/at") -> datetime:
    """When something happened: `at`, or now. Raises Invalid for the future, and for before `not_before` (when the ticket was opened)."""
    if at is None:
        return max(now, not_before)
    if at > now + SKEW:
        raise invalid_field(pointer, "in_the_future", "This instant lies in the future")
    if at < NOT_BEFORE:
        raise invalid_field(pointer, "too_early", "This instant lies before 1900")
    if at < not_before:
        raise invalid_field(pointer, "before_opened", "This instant lies before the ticket was opened")
    return at


def check_until(until: datetime | None, *, at: datetime) -> None:
    """Raises Invalid for an end of waiting that lies before its beginning."""
    if until is not None and until <= at:
        raise invalid_field("/until", "before_it_begins", "The waiting would end before it begins")


def goes_on_in_a_new_ticket(ticket: Standing, *, at: datetime) -> bool:
    """Whether a ticket was closed so long ago that whoever comes back gets a new one."""
    return ticket.closed_at is not None and at - ticket.closed_at > REOPENS_WITHIN


def seconds_between(begin: datetime, end: datetime) -> int:
    """Whole seconds from `begin` to `end`, at least 0: what is told late may be told out of order."""
    return max(0, int((end - begin).total_seconds()))
