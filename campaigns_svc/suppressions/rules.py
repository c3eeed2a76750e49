"""What may be done with a suppression."""

from services.errors import Conflict, WrongState


class SuppressedAlready(Conflict):
    """The address is barred by another suppression of the same reach."""

    code = "suppressed_already"


class NeverLifted(Conflict):
    """What was erased stays barred."""

    code = "never_lifted"


def check_can_lift(status: str, reason: str) -> None:
    """Raises WrongState for one that was lifted, NeverLifted for one that stands for an erasure."""
    if status != "active":
        raise WrongState("lift", state=status, verbs_that_fit=[])
    if reason == "erasure":
        raise NeverLifted("The contact was erased: nothing is sent to this address again")
