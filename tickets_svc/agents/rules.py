"""Who may take a case, and what is refused."""

from services.errors import Conflict, Forbidden, WrongState


class UserIsAgent(Conflict):
    """The user is an agent already."""

    code = "user_is_agent"


class NotAnAgent(Forbidden):
    """Only agents pull cases."""

    code = "not_an_agent"


class NotAvailable(Conflict):
    """An agent who is busy, away or offline takes no case."""

    code = "not_available"


def check_can_pull(status: str, presence: str) -> None:
    """Raises NotAnAgent for a retired agent, NotAvailable for one who is not there."""
    if status != "active":
        raise NotAnAgent("The caller takes no cases any more")
    if presence != "available":
        raise NotAvailable(f"The agent is {presence}; say 'available' first")


def check_can_retire(status: str) -> None:
    """Raises WrongState for an agent who is retired already."""
    if status != "active":
        raise WrongState("retire", state=status, verbs_that_fit=[])
