"""What may be done with an audience."""

from services.errors import WrongState


def check_is_draft(verb: str, status: str) -> None:
    """Raises WrongState: an audience that is ready stays as it is, an archived one is restored first."""
    if status != "draft":
        raise WrongState(verb, state=status, verbs_that_fit=["archive"] if status == "ready" else ["restore"])
