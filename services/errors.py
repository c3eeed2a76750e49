"""The categories of refusal that code raises; `problems.py` maps each to its HTTP status, once."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong at one place of the input; `pointer` is a JSON pointer into the body, or `#query/name`, `#header/name`."""

    pointer: str
    code: str
    detail: str


class Refusal(Exception):
    """A request that cannot be honoured. `code` is stable for programs, `detail` is a sentence for people."""

    code = "refused"

    def __init__(self, detail: str, *, code: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors = tuple(errors)


class Unauthenticated(Refusal):
    """Nobody we know."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """Known, but not allowed."""

    code = "forbidden"


class NotFound(Refusal):
    """No such thing in the caller's tenant."""

    code = "not_found"


class Conflict(Refusal):
    """The present state does not allow it."""

    code = "conflict"


class WrongState(Conflict):
    """The verb does not fit the present state of the record."""

    code = "wrong_state"

    def __init__(self, verb: str, *, state: str, verbs_that_fit: Sequence[str]) -> None:
        fitting = ", ".join(verbs_that_fit) or "none"
        super().__init__(f"'{verb}' does not fit the present state '{state}'; verbs that fit: {fitting}")
        self.state = state
        self.verbs_that_fit = tuple(verbs_that_fit)


class Gone(Refusal):
    """It was here once."""

    code = "gone"


class Stale(Refusal):
    """The record has moved on since the caller read it."""

    code = "stale"


class PreconditionMissing(Refusal):
    """The caller must say which version it read."""

    code = "precondition_required"


class TooLarge(Refusal):
    """More than we carry."""

    code = "too_large"


class Invalid(Refusal):
    """The input is wrong; `errors` says where."""

    code = "invalid"


class TooMany(Refusal):
    """The caller is over its limit."""

    code = "rate_limited"

    def __init__(self, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Refusal):
    """Not now; the same request may pass a moment later."""

    code = "unavailable"


def invalid_field(pointer: str, code: str, detail: str) -> Invalid:
    """An Invalid about one place of the input."""
    return Invalid(detail, errors=[FieldError(pointer, code, detail)])
