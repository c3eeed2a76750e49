"""Amounts of money as text: to whole minor units by the digits of their currency (ISO 4217), and back."""

import re

from iso4217 import Currency

from services.errors import Invalid

MOST_MINOR = 2**53
"""The largest amount either way: every JSON reader keeps it exact."""

DIGITS: dict[str, int] = {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}
"""The digits after the point of every currency that has minor units (gold and test codes have none)."""

_WRITTEN = re.compile(r"(-?)([0-9]{1,20})(?:\.([0-9]{1,20}))?", re.ASCII)


class UnknownCurrency(Invalid):
    """No currency of ISO 4217 with minor units has this code."""

    code = "unknown_currency"


class NotAnAmount(Invalid):
    """The text is no plain decimal number: no exponent, no grouping, no sign but a minus, digits on both sides of a point."""

    code = "not_an_amount"


class TooManyDigits(Invalid):
    """The amount has more digits after the point than its currency."""

    code = "too_many_digits"


class AmountOutOfRange(Invalid):
    """The amount is beyond 2**53 minor units."""

    code = "amount_out_of_range"


def digits_of(currency: str) -> int:
    """How many digits after the point `currency` has (USD 2, JPY 0, KWD 3). Raises UnknownCurrency."""
    digits = DIGITS.get(currency)
    if digits is None:
        raise UnknownCurrency(f"{currency[:8]!r} is no currency code of ISO 4217 with minor units")
    return digits


def to_minor(decimal_text: str, currency: str) -> int:
    """The minor units of an amount: `11.77` USD is 1177, `100` JPY is 100, `1.234` KWD is 1234.

    Never rounds. Raises UnknownCurrency, NotAnAmount, TooManyDigits (also for zeros beyond the currency's digits), AmountOutOfRange.
    """
    digits = digits_of(currency)
    written = _WRITTEN.fullmatch(decimal_text)
    if written is None:
        raise NotAnAmount("An amount is written as plain digits with a point, such as 1234.50")
    sign, whole, fraction = written[1], written[2], written[3] or ""
    if len(fraction) > digits:
        raise TooManyDigits(f"An amount in {currency} has at most {digits} digits after the point, not {len(fraction)}")
    minor = int(sign + whole + fraction.ljust(digits, "0"))
    if abs(minor) > MOST_MINOR:
        raise AmountOutOfRange(f"An amount is at most {to_text(MOST_MINOR, currency)} {currency}")
    return minor


def to_text(minor: int, currency: str) -> str:
    """The amount of `minor` units with all digits of its currency: 1177 USD is `11.77`. Raises UnknownCurrency."""
    digits = digits_of(currency)
    if digits == 0:
        return str(minor)
    text = str(abs(minor)).rjust(digits + 1, "0")
    return f"{'-' if minor < 0 else ''}{text[:-digits]}.{text[-digits:]}"
