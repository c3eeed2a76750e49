"""Lines into purchases: what a row says, or why it is refused. Pure: it knows neither the API nor the clock."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pipeline_svc.imports.layout import fields_of, is_header, sniff_delimiter
from pipeline_svc.imports.lines import LONGEST_BYTES, Line
from services.errors import Refusal
from services.money import to_minor

SNIFFED_LINES = 20
LONGEST_CUSTOMER = 180
LONGEST_SHOWN = 40
DAY = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}")
QUANTITY = re.compile(r"[0-9]{1,9}")
NOON = time(12)
LONG_AFTER = datetime.max.replace(tzinfo=UTC)

FAULTS = {
    "too_long": f"the line is longer than {LONGEST_BYTES:,} bytes",
    "cut_off": "the last line has no line break, so it may be cut off: complete it and import the file again",
}


class Purchase(NamedTuple):
    """An accepted row. `key` is its external id; `placed_at`, RFC 3339 in UTC, is noon of `day` in the zone of the file."""

    line: Line
    key: str
    placed_at: str
    customer: str
    day: str
    quantity: int
    amount_minor: int
    currency: str


class Rejection(NamedTuple):
    """A refused row: a stable code for programs and a message for people."""

    line: Line
    code: str
    message: str


class Header(NamedTuple):
    """The first line, where it names the columns."""

    line: Line


class RowRefused(Exception):
    """The row does not say a purchase."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Reading:
    """How the rows of a file are to be read. `delimiter` and `header` are sniffed where they are None.

    On the day of `now` purchases are placed at `now` where it is not noon yet.
    """

    columns: tuple[str, ...]
    currency: str
    zone: ZoneInfo
    date_format: str = ""
    delimiter: str | None = None
    header: bool | None = None
    now: datetime = LONG_AFTER


def read_purchases(lines: Iterable[Line], reading: Reading) -> Iterator[Purchase | Rejection | Header]:
    """The header if there is one, then every row that is not blank, accepted or refused, in order.

    The key of a purchase is a hash of what it says (the zone apart) and its ordinal among the rows that say the same, so it depends on
    nothing but the rows before it. Sixteen bytes a distinct purchase are remembered, and nothing of a row that is refused.
    """
    lines = filter(_has_text, lines)
    head = list(islice(lines, SNIFFED_LINES))
    parser = _Parser(reading, [_shown(line) for line in head])
    ordinals: dict[bytes, int] = {}
    if parser.header:
        yield Header(head.pop(0))
    for line in chain(head, lines):
        try:
            placed_at, said = parser.parse(line)
        except RowRefused as refused:
            yield Rejection(line, refused.code, str(refused))
            continue
        digest = hashlib.sha256("\x1f".join(map(str, said)).encode()).digest()[:16]
        ordinals[digest] = ordinal = ordinals.get(digest, 0) + 1
        yield Purchase(line, f"{digest.hex()}-{ordinal}", placed_at, *said)


class _Parser:
    """What is known of a file after its first lines."""

    def __init__(self, reading: Reading, head: Sequence[str]) -> None:
        columns = reading.columns
        self.reading = reading
        self.delimiter = sniff_delimiter(head, columns) if reading.delimiter is None else reading.delimiter
        self.places = {column: columns.index(column) for column in columns}
        self.noon = lru_cache(4096)(lambda text: noon_of(text, reading))
        self.header = bool(head) and (self._is_header(head[0]) if reading.header is None else reading.header)

    def _is_header(self, text: str) -> bool:
        return is_header(fields_of(text, self.delimiter), self.reading.columns, is_date=self._is_date, is_amount=self._is_amount)

    def _is_date(self, text: str) -> bool:
        try:
            return bool(self.noon(text))
        except RowRefused:
            return False

    def _is_amount(self, text: str) -> bool:
        try:
            return amount_of(text, self.reading.currency) >= 0
        except RowRefused as refused:
            return refused.code != "not_an_amount"

    def parse(self, line: Line) -> tuple[str, tuple[str, str, int, int, str]]:
        """`placed_at`, and what a line says: the fields of a Purchase from `customer` on. Raises RowRefused."""
        fields = fields_of(text_of(line), self.delimiter)
        if len(fields) != len(self.reading.columns):
            raise RowRefused("columns", f"{len(fields)} columns were found where {len(self.reading.columns)} are named")
        places = self.places
        currency = fields[places["currency"]] if "currency" in places else self.reading.currency
        placed_at, day = self.noon(fields[places["date"]])
        customer = customer_of(fields[places["customer"]])
        quantity = quantity_of(fields[places["quantity"]]) if "quantity" in places else 1
        return placed_at, (customer, day, quantity, amount_of(fields[places["amount"]], currency), currency)


def customer_of(text: str) -> str:
    """A customer as the file names it. Raises RowRefused where there is none."""
    if not text:
        raise RowRefused("customer", "no customer is named")
    if len(text) > LONGEST_CUSTOMER:
        raise RowRefused("customer", f"a customer has at most {LONGEST_CUSTOMER} characters")
    return text


def noon_of(text: str, reading: Reading) -> tuple[str, str]:
    """Noon of a day in the file's zone as RFC 3339 in UTC, and the day itself. Raises RowRefused for what is no day."""
    try:
        if reading.date_format:
            day = datetime.strptime(text, reading.date_format).date()  # noqa: DTZ007 (a day has no zone)
        elif DAY.fullmatch(text):
            day = date.fromisoformat(text)
        else:
            raise ValueError
        noon = datetime.combine(day, NOON, reading.zone).astimezone(UTC)
        is_today = reading.now < noon and reading.now.astimezone(reading.zone).date() == day
        placed_at = reading.now.astimezone(UTC) if is_today else noon
        return placed_at.isoformat(timespec="seconds").replace("+00:00", "Z"), day.isoformat()
    except (ValueError, OverflowError):
        expected = reading.date_format or "yyyymmdd or yyyy-mm-dd"
        raise RowRefused("date", f"{quoted(text)} is no date of the form {expected}") from None


def quantity_of(text: str) -> int:
    """How many things; none counts as one, since something was paid for. Raises RowRefused."""
    if text.startswith("-"):
        raise RowRefused("negative_quantity", f"a purchase has no negative quantity ({quoted(text)})")
    if not QUANTITY.fullmatch(text):
        raise RowRefused("quantity", f"{quoted(text)} is no whole number below a thousand million")
    return max(1, int(text))


def amount_of(text: str, currency: str) -> int:
    """The amount in minor units, zero or more. Raises RowRefused."""
    try:
        amount = to_minor(text, currency)
    except Refusal as refusal:
        raise RowRefused(refusal.code, refusal.detail) from None
    if amount < 0:
        raise RowRefused("negative_amount", f"a purchase has no negative amount ({quoted(text)})")
    return amount


def _has_text(line: Line) -> bool:
    return bool(line.raw.strip() or line.fault)


def text_of(line: Line) -> str:
    """The text of a line. Raises RowRefused for one that is no sound text."""
    if line.fault:
        raise RowRefused(line.fault, FAULTS[line.fault])
    if b"\x00" in line.raw:
        raise RowRefused("nul", f"byte {line.raw.index(0) + 1} is a NUL")
    try:
        return line.raw.decode()
    except UnicodeDecodeError as error:
        raise RowRefused("encoding", f"byte {error.start + 1} is no UTF-8") from None


def _shown(line: Line) -> str:
    return line.raw.decode(errors="replace")


def quoted(text: str) -> str:
    """A value as a message shows it."""
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
