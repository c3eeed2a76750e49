"""What a line and an order cost. Whole minor units throughout; nothing is rounded silently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.errors import Invalid, invalid_field
from services.money import MOST_MINOR

from .schemas import OrderLineWrite


@dataclass(frozen=True, slots=True)
class Price:
    """What a line costs: amount = quantity × unit price − discount + tax, none of them negative."""

    unit_price_minor: int
    discount_minor: int
    amount_minor: int


def price_line(line: OrderLineWrite, *, pointer: str) -> Price:
    """The price of a line, from its unit price, its amount or both. Raises Invalid at `pointer`.

    From the amount alone (a purchase log knows no more), the unit price is rounded up and what that adds is a discount, so that the
    equation holds exactly: 2 for 2933 are 2 × 1467 − 1. Given both, they must agree.
    """
    unit_price, discount, amount = line.unit_price_minor, line.discount_minor, line.amount_minor
    if unit_price is None:
        if amount is None:
            raise invalid_field(f"{pointer}/amount_minor", "missing", "A line needs unit_price_minor or amount_minor")
        gross = amount - line.tax_minor + discount
        unit_price = max(0, -(-gross // line.quantity))
        discount += unit_price * line.quantity - gross
    gross = line.quantity * unit_price
    worked_out = gross - discount + line.tax_minor
    if amount is not None and amount != worked_out:
        detail = f"quantity × unit price − discount + tax is {worked_out}, not {amount}"
        raise invalid_field(f"{pointer}/amount_minor", "amount_differs", detail)
    if discount > gross:
        raise invalid_field(f"{pointer}/amount_minor", "negative_amount", "The amount without tax would be negative")
    if max(gross, worked_out) > MOST_MINOR:
        raise _beyond(f"{pointer}/amount_minor")
    return Price(unit_price, discount, worked_out)


def price_lines(lines: Sequence[OrderLineWrite] | None, total_minor: int | None) -> list[dict[str, Any]]:
    """The lines as they are stored, priced and numbered; one that names no product where only a total is known.

    Raises Invalid for a line's price, a number that stands twice, and a total that is not the sum of the lines.
    """
    if lines is None:
        lines = [OrderLineWrite(amount_minor=total_minor)]
    priced = [_stored(line, number, price_line(line, pointer=f"/lines/{number - 1}")) for number, line in enumerate(lines, start=1)]
    if len({line["line_no"] for line in priced}) < len(priced):
        raise invalid_field("/lines", "line_twice", "Two lines have the same line_no")
    if total_minor is not None and total_minor != (worked_out := sum(line["amount_minor"] for line in priced)):
        raise invalid_field("/total_minor", "amount_differs", f"The lines add up to {worked_out}, not {total_minor}")
    return priced


def sum_lines(lines: Sequence[Mapping[str, Any]]) -> tuple[int, int | None]:
    """Total and margin of an order. Raises Invalid above 2**53.

    Margin = what is left of the amounts without tax after the unit costs; None unless every line names its unit cost.
    """
    total = sum(line["amount_minor"] for line in lines)
    if total > MOST_MINOR:
        raise _beyond("/lines")
    if any(line["unit_cost_minor"] is None for line in lines):
        return total, None
    cost = sum(line["quantity"] * line["unit_cost_minor"] for line in lines)
    if cost > MOST_MINOR:
        raise _beyond("/lines")
    return total, total - sum(line["tax_minor"] for line in lines) - cost


def _stored(line: OrderLineWrite, number: int, price: Price) -> dict[str, Any]:
    return {
        "line_no": line.line_no or number,
        "product_id": None if line.product_id is None else str(line.product_id),
        "sku": line.sku,
        "description": line.description,
        "category": line.category,
        "product_line": line.product_line,
        "tier": line.tier,
        "quantity": line.quantity,
        "unit_price_minor": price.unit_price_minor,
        "discount_minor": price.discount_minor,
        "tax_minor": line.tax_minor,
        "amount_minor": price.amount_minor,
        "unit_cost_minor": line.unit_cost_minor,
    }


def _beyond(pointer: str) -> Invalid:
    return invalid_field(pointer, "amount_out_of_range", f"An amount is at most {MOST_MINOR} minor units")
