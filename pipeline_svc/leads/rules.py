"""What may be done with a lead. Every verb and when it fits: README.md."""

from services.errors import WrongState, invalid_field

MOVES = {
    ("new", "work"): "working",
    ("recycled", "work"): "working",
    ("working", "qualify"): "qualified",
    ("qualified", "convert"): "converted",
    ("new", "disqualify"): "disqualified",
    ("working", "disqualify"): "disqualified",
    ("disqualified", "recycle"): "recycled",
}


def decide_status(verb: str, status: str) -> str:
    """The status after `verb`. Raises WrongState."""
    if (status, verb) not in MOVES:
        raise WrongState(verb, state=status, verbs_that_fit=[fitting for state, fitting in MOVES if state == status])
    return MOVES[status, verb]


def check_can_assign(status: str) -> None:
    """Raises WrongState for a lead that is nobody's work any more."""
    if status in ("converted", "disqualified"):
        fitting = [verb for state, verb in MOVES if state == status]
        raise WrongState("assign", state=status, verbs_that_fit=fitting)


def check_amount(expected_amount_minor: int | None, currency: str | None) -> None:
    """Raises Invalid for an amount in no currency."""
    if expected_amount_minor is not None and currency is None:
        raise invalid_field("/currency", "missing", "expected_amount_minor needs a currency")
