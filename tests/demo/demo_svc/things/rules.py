"""What may be done with a thing."""

from services.errors import WrongState


def check_can_use(status: str) -> None:
    """Raises WrongState for a thing that is used already."""
    if status != "new":
        raise WrongState("use", state=status, verbs_that_fit=[])
