"""What may be done with a sender."""

from services.errors import Conflict, WrongState

TRANSITIONS = {"verify": {"draft": "verified"}, "activate": {"verified": "active"}, "block": {"verified": "blocked", "active": "blocked"}}
USABLE = frozenset({"verified", "active"})
ADDRESSES = frozenset({"from_address"})


class AddressIsVerified(Conflict):
    """The address in whose name mail goes out was verified: another one is another sender."""

    code = "address_verified"


def decide_status(verb: str, status: str) -> str:
    """The status after `verb`. Raises WrongState."""
    after = TRANSITIONS[verb].get(status)
    if after is None:
        fitting = [name for name, moves in TRANSITIONS.items() if status in moves and name != "activate"]
        raise WrongState(verb, state=status, verbs_that_fit=fitting)
    return after


def check_can_change(status: str, *, address_differs: bool) -> None:
    """Raises WrongState for a blocked sender, AddressIsVerified for another address of a verified one."""
    if status == "blocked":
        raise WrongState("update", state=status, verbs_that_fit=[])
    if address_differs and status != "draft":
        raise AddressIsVerified("This address was verified; make another sender for another address")


def domain_of(address: str) -> str:
    """The domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()
