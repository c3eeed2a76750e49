"""Amounts as text and as minor units."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Invalid
from services.money import DIGITS, MOST_MINOR, to_minor, to_text

currencies = st.sampled_from(sorted(DIGITS))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("11.77", "USD", 1177),
        ("11.7", "USD", 1170),
        ("11", "USD", 1100),
        ("0.00", "USD", 0),
        ("-0.05", "USD", -5),
        ("007.50", "USD", 750),
        ("100", "JPY", 100),
        ("1.234", "KWD", 1234),
        ("1.2345", "CLF", 12345),
        ("90071992547409.92", "USD", 2**53),
    ],
)
def test_an_amount_becomes_minor_units_by_the_digits_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "code"),
    [
        ("1.5", "JPY", "too_many_digits"),
        ("1.00", "JPY", "too_many_digits"),
        ("1.2345", "KWD", "too_many_digits"),
        ("1.000", "USD", "too_many_digits"),
        ("90071992547409.93", "USD", "amount_out_of_range"),
        ("1", "XYZ", "unknown_currency"),
        ("1", "usd", "unknown_currency"),
        ("1", "XAU", "unknown_currency"),
        *(
            (text, "USD", "not_an_amount")
            for text in ("", " 1", "1 ", "1\n", "+1", "--1", "1.", ".5", "1,000", "1.000,00", "1 000", "1_000")
        ),
        *(
            (text, "USD", "not_an_amount")
            for text in ("NaN", "nan", "inf", "-Infinity", "1e3", "1E3", "0x10", "$1", "١٢", "１２", "1" * 21)
        ),
    ],
)
def test_what_is_no_amount_of_the_currency_is_refused_with_its_reason(text: str, currency: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        to_minor(text, currency)
    assert refusal.value.code == code


@given(st.integers(-MOST_MINOR, MOST_MINOR), currencies)
def test_minor_units_survive_being_written(minor: int, currency: str) -> None:
    """Law: reading what was written gives the same amount."""
    assert to_minor(to_text(minor, currency), currency) == minor


@given(st.integers(0, 10**12), st.integers(0, 6), currencies)
def test_no_digit_is_ever_rounded_away(whole: int, digits: int, currency: str) -> None:
    """Law: an amount is read exactly when its digits fit the currency, and then it is the whole number that its digits write."""
    text = f"{whole}.{'7' * digits}" if digits else str(whole)
    if digits <= DIGITS[currency]:
        assert to_minor(text, currency) * 10**digits == int(text.replace(".", "")) * 10 ** DIGITS[currency]
    else:
        with pytest.raises(Invalid):
            to_minor(text, currency)


@given(st.text(max_size=12), currencies)
def test_any_text_is_an_amount_or_a_refusal(text: str, currency: str) -> None:
    """Law: only plain decimal numbers are amounts; nothing else is read as one, and nothing crashes."""
    try:
        to_minor(text, currency)
    except Invalid:
        return
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
