"""What may be done with an order, and what becomes of its goods and its money. Every verb and when it fits: README.md."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from services.encoding import encode
from services.envelope import MAX_BYTES
from services.errors import Conflict, TooLarge, WrongState, invalid_field

Line = Mapping[str, Any]

NOT_BEFORE = datetime(1900, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=5)
UNDOING = frozenset({"refund", "return", "complete", "cancel"})
SURELY_FITTING_LINES = 50
MOVED_BYTES = 64
"""What a line adds to an event that moves it: its number and quantity, and digits of its counters."""
REST_BYTES = 4096
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's alphabet: no I, L, O or U, so that a number can be read out."""


class Standing(Protocol):
    """How an order stands: what every rule here looks at."""

    @property
    def status(self) -> str: ...
    @property
    def total_minor(self) -> int: ...
    @property
    def paid_minor(self) -> int: ...
    @property
    def refunded_minor(self) -> int: ...
    @property
    def lines(self) -> Sequence[Line]: ...


class MoreThanIsDue(Conflict):
    """A payment above what is still to be paid."""

    code = "more_than_due"


class MoreThanWasPaid(Conflict):
    """A refund above what was paid and is not refunded yet."""

    code = "more_than_paid"


class MoreThanIsOpen(Conflict):
    """A delivery above what the line still lacks."""

    code = "more_than_open"


class MoreThanWasFulfilled(Conflict):
    """A return above what was delivered and has not come back yet."""

    code = "more_than_fulfilled"


class LessThanWasFulfilled(Conflict):
    """A line change that takes away what was delivered already."""

    code = "less_than_fulfilled"


class LessThanWasPaid(Conflict):
    """A line change below the money that came in: give it back by `refund`, which lowers the order's worth by itself."""

    code = "less_than_paid"


class VerbIsNeeded(Conflict):
    """An upsert tells of a step that the order has not made yet; steps are made by verbs, so that each has its event."""

    code = "verb_needed"


def payment_status(total_minor: int, paid_minor: int, refunded_minor: int) -> str:
    """How the money stands. An order of total zero is `unpaid` for ever: no money moves."""
    if refunded_minor:
        return "refunded" if refunded_minor == paid_minor else "partly_refunded"
    if paid_minor == 0:
        return "unpaid"
    return "paid" if paid_minor == total_minor else "partly_paid"


def fulfilment_status(lines: Sequence[Line]) -> str:
    """How the goods stand, over all lines."""
    fulfilled = sum(line["fulfilled_quantity"] for line in lines)
    returned = sum(line["returned_quantity"] for line in lines)
    if fulfilled == 0:
        return "none"
    if returned:
        return "returned" if returned == fulfilled else "partly_returned"
    return "fulfilled" if fulfilled == sum(line["quantity"] for line in lines) else "partial"


def verbs_that_fit(order: Standing) -> list[str]:
    """The verbs that the present state allows, in the order in which an order meets them."""
    placed = order.status == "placed"
    bought = placed or order.status == "completed"
    settled = order.paid_minor == order.refunded_minor and not _outside(order.lines)
    fits = {
        "place": order.status == "draft",
        "pay": bought and order.paid_minor < order.total_minor,
        "fulfill": placed and any(line["fulfilled_quantity"] < line["quantity"] for line in order.lines),
        "refund": bought and order.refunded_minor < order.paid_minor,
        "return": bought and _outside(order.lines),
        "complete": placed,
        "cancel": order.status == "draft" or (placed and settled),
    }
    return [verb for verb, fit in fits.items() if fit]


def check_fits(verb: str, order: Standing) -> None:
    """Raises WrongState, naming all three axes of the present state, for a verb that does not fit it."""
    fitting = verbs_that_fit(order)
    if verb not in fitting:
        raise WrongState(verb, state=state_of_axes(order), verbs_that_fit=fitting)


def check_can_change(order: Standing) -> None:
    """Raises WrongState for a change of fields or lines of an order that is completed or cancelled."""
    if order.status not in ("draft", "placed"):
        raise WrongState("update", state=state_of_axes(order), verbs_that_fit=verbs_that_fit(order))


def check_has_reached(order: Standing, *, status: str, paid: bool, fulfilled: bool) -> None:
    """Raises VerbIsNeeded where an order is behind what is told of it (being further on is right)."""
    lacking = {
        "place": status == "placed" and order.status == "draft",
        "pay": paid and order.paid_minor < order.total_minor,
        "fulfill": fulfilled and any(line["fulfilled_quantity"] < line["quantity"] for line in order.lines),
    }
    for verb, is_needed in lacking.items():
        if is_needed:
            raise VerbIsNeeded(f"The order is '{state_of_axes(order)}'; bring it there by the verb '{verb}'")


def state_of_axes(order: Standing) -> str:
    """The present state in words: status, payment status, fulfilment status."""
    payment = payment_status(order.total_minor, order.paid_minor, order.refunded_minor)
    return f"{order.status}, {payment}, {fulfilment_status(order.lines)}"


def decide_instant(verb: str, at: datetime | None, *, now: datetime, placed_at: datetime | None = None, pointer: str = "/at") -> datetime:
    """When something happened: `at`, or now. Raises Invalid for the future, for before 1900, and where an order would be given back
    or ended before it was placed (money and goods may precede it: shops take money first).
    """
    if at is None:
        return max(now, placed_at or now)
    if at > now + SKEW:
        raise invalid_field(pointer, "in_the_future", "This instant lies in the future")
    if at < NOT_BEFORE:
        raise invalid_field(pointer, "too_early", "This instant lies before 1900")
    if verb in UNDOING and placed_at is not None and at < placed_at:
        raise invalid_field(pointer, "before_placed", "This instant lies before the order was placed")
    return at


def decide_payment(order: Standing, amount_minor: int | None) -> int:
    """How much is paid: the amount asked for, or all that is due. Raises MoreThanIsDue."""
    due = order.total_minor - order.paid_minor
    if amount_minor is not None and amount_minor > due:
        raise MoreThanIsDue(f"{due} minor units are due, not {amount_minor}")
    return due if amount_minor is None else amount_minor


def decide_refund(order: Standing, amount_minor: int | None) -> int:
    """How much is refunded: the amount asked for, or all that is left. Raises MoreThanWasPaid."""
    left = order.paid_minor - order.refunded_minor
    if amount_minor is not None and amount_minor > left:
        raise MoreThanWasPaid(f"{left} minor units can be refunded, not {amount_minor}")
    return left if amount_minor is None else amount_minor


def decide_fulfilment(lines: Sequence[Line], wanted: Mapping[int, int] | None) -> dict[int, int]:
    """What goes out, as line number → quantity: what is wanted, or all that is open. Raises Invalid, MoreThanIsOpen."""
    return _decide_move({line["line_no"]: line["quantity"] - line["fulfilled_quantity"] for line in lines}, wanted, MoreThanIsOpen)


def decide_return(lines: Sequence[Line], wanted: Mapping[int, int] | None) -> dict[int, int]:
    """What comes back, as line number → quantity: what is wanted, or all that is out. Raises Invalid, MoreThanWasFulfilled."""
    return _decide_move(
        {line["line_no"]: line["fulfilled_quantity"] - line["returned_quantity"] for line in lines}, wanted, MoreThanWasFulfilled
    )


def moved(lines: Sequence[Line], movement: Mapping[int, int], *, counter: str) -> list[dict[str, Any]]:
    """The lines after a movement; `counter` is the field that it raises."""
    return [{**line, counter: line[counter] + movement.get(line["line_no"], 0)} for line in lines]


def changed_lines(order: Standing, wanted: Sequence[Line], *, total_minor: int) -> list[dict[str, Any]]:
    """The wanted lines with what was delivered of each (by line number) carried over.

    Raises LessThanWasFulfilled where a line falls below that, LessThanWasPaid where the total falls below the money that came in.
    """
    delivered = {line["line_no"]: line for line in order.lines if line["fulfilled_quantity"]}
    lines = []
    for line in wanted:
        known = delivered.pop(line["line_no"], None)
        if known is not None and line["quantity"] < known["fulfilled_quantity"]:
            raise LessThanWasFulfilled(f"{known['fulfilled_quantity']} of line {line['line_no']} were delivered already")
        counters = {name: known[name] if known else 0 for name in ("fulfilled_quantity", "returned_quantity")}
        lines.append({**line, **counters})
    if delivered:
        raise LessThanWasFulfilled(f"Line {min(delivered)} was delivered already and cannot be left out")
    if total_minor < order.paid_minor:
        raise LessThanWasPaid(f"{order.paid_minor} minor units were paid already; the total cannot fall to {total_minor}")
    return lines


def check_fits_events(lines: Sequence[Line], *, beside: Sequence[Any]) -> None:
    """Raises TooLarge for an order that some event could not carry: its lines, all of them moved at once, and what stands `beside`."""
    if len(lines) <= SURELY_FITTING_LINES:
        return
    carried = [{name: value for name, value in line.items() if name != "description"} for line in lines]
    if len(encode(carried)) + len(lines) * MOVED_BYTES + len(encode(list(beside))) + REST_BYTES > MAX_BYTES:
        detail = f"{len(lines)} lines like these do not fit into an event, which carries at most {MAX_BYTES:,} bytes"
        raise TooLarge(detail, code="event_too_large")


def order_number(order_id: UUID, day: date) -> str:
    """The number of an order that was given none, such as `260302-7F3K9Q-2MABCD`: its day and the last 60 bits of its id."""
    bits = order_id.int
    digits = "".join(_DIGITS[(bits >> shift) & 31] for shift in range(55, -1, -5))
    return f"{day:%y%m%d}-{digits[:6]}-{digits[6:]}"


def _outside(lines: Sequence[Line]) -> bool:
    return any(line["returned_quantity"] < line["fulfilled_quantity"] for line in lines)


def _decide_move(available: Mapping[int, int], wanted: Mapping[int, int] | None, refusal: type[Conflict]) -> dict[int, int]:
    if wanted is None:
        return {line_no: quantity for line_no, quantity in available.items() if quantity}
    for line_no, quantity in wanted.items():
        if line_no not in available:
            raise invalid_field("/lines", "unknown_line", f"The order has no line {line_no}")
        if quantity > available[line_no]:
            raise refusal(f"{available[line_no]} of line {line_no} can be moved, not {quantity}")
    return dict(wanted)
