"""What may be done with a reason, and where it may be chosen."""

from services.errors import Conflict, WrongState, invalid_field


class KindIsFixed(Conflict):
    """An upsert tells another kind than the reason was born with."""

    code = "kind_fixed"


def check_can_retire(status: str) -> None:
    """Raises WrongState for a reason that is retired already."""
    if status != "active":
        raise WrongState("retire", state=status, verbs_that_fit=[])


def check_kind_stays(present: str, sent: str) -> None:
    """Raises KindIsFixed."""
    if sent != present:
        raise KindIsFixed(f"The reason is one for '{present}', and so it stays")


def check_can_choose(kind: str, status: str, *, wanted: str, pointer: str) -> None:
    """Raises Invalid for a reason of another kind, or one that is retired."""
    if kind != wanted:
        raise invalid_field(pointer, "wrong_kind", f"This is a reason for '{kind}'; one for '{wanted}' is needed")
    if status != "active":
        raise invalid_field(pointer, "retired", "This reason is retired")
