"""The life of a product: draft –launch→ active –retire→ retired."""

from typing import Literal

from services.errors import Conflict, WrongState, invalid_field

Verb = Literal["launch", "retire"]
MOVES: dict[tuple[str, Verb], str] = {("draft", "launch"): "active", ("active", "retire"): "retired"}


class SkuIsTaken(Conflict):
    """Another product of the tenant has this sku."""

    code = "sku_taken"


def decide_status(verb: Verb, status: str) -> str:
    """The status after `verb`. Raises WrongState."""
    if (status, verb) not in MOVES:
        raise WrongState(verb, state=status, verbs_that_fit=[fitting for state, fitting in MOVES if state == status])
    return MOVES[status, verb]


def check_cost_has_currency(unit_cost_minor: int | None, currency: str | None) -> None:
    """Raises Invalid for a cost in no currency."""
    if unit_cost_minor is not None and currency is None:
        raise invalid_field("/currency", "missing", "unit_cost_minor needs a currency")
