"""What a row of a purchase file says, and why it is refused."""

import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline_svc.imports.layout import LayoutUnclear, columns_of, delimiter_of
from pipeline_svc.imports.lines import LONGEST_BYTES, split_lines
from pipeline_svc.imports.rows import Header, Purchase, Reading, Rejection, read_purchases

COLUMNS = ("customer", "date", "quantity", "amount")
NEW_YORK = ZoneInfo("America/New_York")
GOOD = b"00001 19970101  1   11.77\r\n"


def read(*chunks: bytes, columns: Sequence[str] = COLUMNS, currency: str = "USD", **how: object) -> list[Purchase | Rejection]:
    reading = Reading(tuple(columns), currency, NEW_YORK, **how)  # type: ignore[arg-type]
    return [found for found in read_purchases(split_lines(chunks), reading) if not isinstance(found, Header)]


def said(found: Purchase | Rejection) -> tuple[object, ...]:
    assert isinstance(found, Purchase), found
    return found.customer, found.day, found.quantity, found.amount_minor, found.currency


def test_a_row_of_the_master_file_is_a_purchase_at_noon_of_its_zone() -> None:
    header = b" customer_id  date number_of_cds  dollar_value\r\n"
    (found,) = read(header, b" 00001 19970101  1   11.77\r\n")
    assert said(found) == ("00001", "1997-01-01", 1, 1177, "USD")
    assert isinstance(found, Purchase)
    assert found.placed_at == "1997-01-01T17:00:00Z"
    assert found.line.number == 2


def test_a_summer_day_is_placed_at_noon_too() -> None:
    (found,) = read(b"1 19970701 1 1.00\n")
    assert isinstance(found, Purchase)
    assert found.placed_at == "1997-07-01T16:00:00Z"


@pytest.mark.parametrize(
    ("now", "placed_at"),
    [
        ("1997-01-01T13:00:59.9-05:00", "1997-01-01T17:00:00Z"),
        ("1997-01-01T08:15:00.9-05:00", "1997-01-01T13:15:00Z"),
        ("1997-01-01T00:00:00-05:00", "1997-01-01T05:00:00Z"),
        ("1996-12-31T23:59:59-05:00", "1997-01-01T17:00:00Z"),
    ],
)
def test_a_purchase_of_this_morning_is_placed_now_and_one_of_tomorrow_is_left_to_be_refused(now: str, placed_at: str) -> None:
    (found,) = read(GOOD, now=datetime.fromisoformat(now))
    assert isinstance(found, Purchase)
    assert (found.placed_at, found.key) == (placed_at, "23b797f1340ae933955559cbbea248e1-1")


def test_a_row_of_the_sample_file_skips_the_column_that_is_not_named() -> None:
    (found,) = read(b" 00004 0001 19970101  2   29.33\r\n", columns=columns_of("-,customer,date,quantity,amount"))
    assert said(found) == ("0001", "1997-01-01", 2, 2933, "USD")


@pytest.mark.parametrize(
    ("text", "customer"),
    [
        (b"a;1997-01-02;3;0.00\n", "a"),
        (b"a,1997-01-02,3,0.00\n", "a"),
        (b"a\t1997-01-02\t3\t0.00\n", "a"),
        (b"  a  1997-01-02   3  0.00  \n", "a"),
        (b"a b;1997-01-02;3;0.00\n", "a b"),
        (b'"a;b"; 1997-01-02; "3";0.00\n', "a;b"),
        (b"\xef\xbb\xbfa;19970102;3;0\r\n", "a"),
        ("ä;19970102;3;0\n".encode(), "ä"),
        (b"\n\r\n   \na 19970102 3 0\r", "a"),
    ],
)
def test_delimiters_are_found_in_the_first_lines(text: bytes, customer: str) -> None:
    (found,) = read(text)
    assert said(found) == (customer, "1997-01-02", 3, 0, "USD")


def test_a_delimiter_and_a_date_format_may_be_named() -> None:
    (found,) = read(b"a b|x;31.12.1999;2;5\n", delimiter=delimiter_of("semicolon"), date_format="%d.%m.%Y")
    assert said(found) == ("a b|x", "1999-12-31", 2, 500, "USD")


def test_a_missing_quantity_and_one_of_zero_count_as_one() -> None:
    (bare,) = read(b"a,19970102,7\n", columns=("customer", "date", "amount"))
    (zero,) = read(b"a,19970102,0,7\n")
    assert said(bare) == said(zero) == ("a", "1997-01-02", 1, 700, "USD")


def test_a_currency_column_goes_before_the_option() -> None:
    found = read(b"a,19970102,5,JPY\na,19970102,1.234,KWD\n", columns=("customer", "date", "amount", "currency"))
    assert [said(each)[3:] for each in found] == [(5, "JPY"), (1234, "KWD")]


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        (b"1 19970230 1 1.00\n", "date", "'19970230' is no date of the form yyyymmdd or yyyy-mm-dd"),
        (b"1 1997-13-01 1 1.00\n", "date", "'1997-13-01' is no date of the form yyyymmdd or yyyy-mm-dd"),
        (b"1 01/02/1997 1 1.00\n", "date", "'01/02/1997' is no date of the form yyyymmdd or yyyy-mm-dd"),
        ("1 ١٩٩٧0101 1 1.00\n".encode(), "date", "'١٩٩٧0101' is no date of the form yyyymmdd or yyyy-mm-dd"),
        (b"1 19970101 1 -1.00\n", "negative_amount", "a purchase has no negative amount ('-1.00')"),
        (b"1 19970101 -1 1.00\n", "negative_quantity", "a purchase has no negative quantity ('-1')"),
        (b"1 19970101 1.5 1.00\n", "quantity", "'1.5' is no whole number below a thousand million"),
        (b"1 19970101 1 1.001\n", "too_many_digits", "An amount in USD has at most 2 digits after the point, not 3"),
        (b"1 19970101 1 1,00\n", "not_an_amount", "An amount is written as plain digits with a point, such as 1234.50"),
        (b"1 19970101 1 1e3\n", "not_an_amount", "An amount is written as plain digits with a point, such as 1234.50"),
        (b"1 19970101 1 NaN\n", "not_an_amount", "An amount is written as plain digits with a point, such as 1234.50"),
        (b"1 19970101 1 99999999999999999\n", "amount_out_of_range", "An amount is at most 90071992547409.92 USD"),
        (b"1 19970101 1\n", "columns", "3 columns were found where 4 are named"),
        (b"1 19970101 1 1.00 x\n", "columns", "5 columns were found where 4 are named"),
        (b"\xff\xfe 19970101 1 1.00\n", "encoding", "byte 1 is no UTF-8"),
        (b"1 1997\x000101 1 1.00\n", "nul", "byte 7 is a NUL"),
        (b"1" * (LONGEST_BYTES + 1) + b"\r\n", "too_long", "the line is longer than 65,536 bytes"),
        (b"1" * 181 + b" 19970101 1 1.00\n", "customer", "a customer has at most 180 characters"),
        (
            b"1 19970101 1 1.0",
            "cut_off",
            "the last line has no line break, so it may be cut off: complete it and import the file again",
        ),
    ],
)
def test_a_bad_row_is_refused_with_its_reason_and_the_others_stand(row: bytes, code: str, message: str) -> None:
    before, found, *after = read(GOOD, row, *([GOOD] if row.endswith(b"\n") else []))
    assert isinstance(found, Rejection)
    assert (found.line.number, found.code, found.message) == (2, code, message)
    assert [said(each) for each in (before, *after)] == [("00001", "1997-01-01", 1, 1177, "USD")] * (1 + row.endswith(b"\n"))


def test_an_unknown_currency_is_refused_row_by_row() -> None:
    good, bad = read(b"a,19970102,5,USD\na,19970102,5,USX\n", columns=("customer", "date", "amount", "currency"))
    assert isinstance(good, Purchase)
    assert isinstance(bad, Rejection)
    assert (bad.code, bad.message) == ("unknown_currency", "'USX' is no currency code of ISO 4217 with minor units")


def test_a_delimited_row_without_a_customer_is_refused() -> None:
    (found,) = read(b",19970101,1,1.00\n")
    assert isinstance(found, Rejection)
    assert (found.code, found.message) == ("customer", "no customer is named")


@pytest.mark.parametrize(
    ("first", "rows"),
    [
        (b"customer date quantity amount\n", 1),
        ("Kunde;Datum;Stück;Betrag\n".encode("latin-1"), 1),
        (b"the customer bought on the day\n", 1),
        (b"\n\ncustomer date quantity amount\n", 1),
        (b"1 19970101 1 x\n", 2),
        (b"1 someday 1 1.00\n", 2),
        (b"19970101\n", 2),
    ],
)
def test_a_first_line_is_a_header_when_neither_its_date_nor_its_amount_can_be_read(first: bytes, rows: int) -> None:
    assert len(read(first, GOOD)) == rows


def test_whether_there_is_a_header_may_be_said() -> None:
    assert len(read(GOOD, GOOD, header=True)) == 1
    assert [type(each) for each in read(b"customer date quantity amount\n", GOOD, header=False)] == [Rejection, Purchase]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("customer,date", "no column is named 'amount'"),
        ("customer,date,amount,price", "unknown column 'price'; there are -, amount, currency, customer, date, quantity ('-' skips one)"),
        ("customer,date,amount,date", "a column is named twice"),
    ],
)
def test_columns_that_do_not_say_a_purchase_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(LayoutUnclear, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        columns_of(text)


def keys(found: Sequence[Purchase | Rejection]) -> list[str]:
    return [each.key for each in found if isinstance(each, Purchase)]


def test_equal_rows_are_told_apart_by_their_ordinal() -> None:
    first, second, other, third = keys(read(GOOD, GOOD, b"00001 19970101 1 11.78\n", GOOD))
    assert first.removesuffix("-1") == second.removesuffix("-2") == third.removesuffix("-3") != other.removesuffix("-1")


def test_a_key_depends_on_what_a_row_says_and_not_on_how_it_is_written() -> None:
    assert keys(read(b"00001,1997-01-01,1,11.77\n")) == keys(read(GOOD)) == ["23b797f1340ae933955559cbbea248e1-1"]
    assert keys(read(b"00001 19970101 1 12\n")) == keys(read(b"00001 19970101 1 12.00\n"))


def test_refused_rows_do_not_move_the_ordinals() -> None:
    assert keys(read(GOOD, b"00001 19970101 1 -11.77\n", GOOD)) == keys(read(GOOD, GOOD))


@given(st.data())
def test_keys_are_stable_whatever_the_chunks(data: st.DataObject) -> None:
    """keys(chunks of a file) = keys(the file in one piece), for any way to cut it."""
    text = b"".join(data.draw(st.lists(st.sampled_from([GOOD, b"2 19970101 1 1.00\n", b"\r\n", b"bad\n"]), min_size=1)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert keys(read(*pieces, header=False)) == keys(read(text, header=False))


def pieces_of(rows: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    return st.lists(rows | st.binary() | st.sampled_from([b"\n", b"\r", b'"', b",", b";", b"\x00", b"9" * 5000]))


@example([b"\xef\xbb\xbf"])
@example([b" " * 70_000])
@example([GOOD, b"  "])
@example([b"\xef\xbb\xbf" + b"1" * LONGEST_BYTES, b"1\r\n", GOOD])
@given(pieces_of(st.sampled_from([GOOD, b"a,1997-01-02,3,0.00\n", b"1 19970101 1 -1\n"])))
def test_every_row_of_any_bytes_is_accepted_or_refused(chunks: list[bytes]) -> None:
    """read = accepted + rejected: the rows found are the lines that are not blank, each once and in order."""
    found = read(*chunks, header=False)
    text = b"".join(chunks).removeprefix(b"\xef\xbb\xbf")
    expected = [
        number for number, raw in enumerate(text.split(b"\n"), 1) if raw.removesuffix(b"\r").strip() or len(raw) > LONGEST_BYTES + 1
    ]
    assert [each.line.number for each in found] == expected
    assert len(set(keys(found))) == len(keys(found))


def test_nothing_but_digests_of_accepted_rows_is_remembered() -> None:
    """A stream of rows of which 99 % are refused: growth between its first and last tenth, at a thousandth of the full length."""

    def stream() -> Iterator[bytes]:
        for number in range(50_000):
            yield b"%07d 19970101 1 1.00\n" % number if number % 100 == 0 else b"%07d 19971301 1 1.00 no such day of the year\n" % number

    tracemalloc.start()
    rows = read_purchases(split_lines(stream()), Reading(COLUMNS, "USD", NEW_YORK))
    held = [tracemalloc.get_traced_memory()[0] for number, _ in enumerate(rows) if number % 5_000 == 4_999]
    tracemalloc.stop()
    assert held[-1] - held[0] < 200_000
