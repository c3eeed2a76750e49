"""What may be done with an activity, when it happened, and when it is overdue. Every verb and when it fits: README.md."""

from datetime import UTC, datetime, timedelta

from services.errors import WrongState, invalid_field

VERBS = {"planned": ("start", "reschedule", "cancel"), "in_progress": ("complete",), "done": (), "cancelled": ()}
"""The verbs that fit each state."""

NOT_BEFORE = datetime(1900, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=5)


def check_fits(verb: str, status: str) -> None:
    """Raises WrongState for a verb that does not fit."""
    if verb not in VERBS[status]:
        raise WrongState(verb, state=status, verbs_that_fit=VERBS[status])


def check_times(starts_at: datetime | None, ends_at: datetime | None) -> None:
    """Raises Invalid for an end without a start, and for an end before it."""
    if ends_at is not None and (starts_at is None or ends_at < starts_at):
        raise invalid_field("/ends_at", "before_start", "An activity ends after it starts, so it needs both or starts_at alone")


def decide_instant(at: datetime | None, *, now: datetime, since: datetime | None = None, pointer: str = "/at") -> datetime:
    """When something happened: `at`, or now. Raises Invalid for the future, for before 1900 and for before `since`."""
    if at is None:
        return max(now, since or now)
    if at > now + SKEW:
        raise invalid_field(pointer, "in_the_future", "This instant lies in the future")
    if at < (since or NOT_BEFORE):
        raise invalid_field(pointer, "too_early", "This instant lies before what it follows")
    return at


def deadline(due_at: datetime | None, ends_at: datetime | None) -> datetime | None:
    """When planned work that has not begun is overdue: when it is due, or else when it should have ended."""
    return due_at or ends_at


def is_overdue(status: str, *, deadline: datetime | None, now: datetime) -> bool:
    """Whether work should have begun and has not."""
    return status == "planned" and deadline is not None and deadline <= now
