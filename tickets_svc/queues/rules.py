"""When a queue or an agent may be retired."""

from services.errors import WrongState


def check_can_retire(status: str) -> None:
    """Raises WrongState for what is retired already."""
    if status != "active":
        raise WrongState("retire", state=status, verbs_that_fit=[])
