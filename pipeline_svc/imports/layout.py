"""How a file of purchases is laid out: its columns, what separates them, and whether it begins with a header."""

import csv
from collections.abc import Callable, Sequence

SKIPPED = "-"
REQUIRED = frozenset({"customer", "date", "amount"})
KNOWN = REQUIRED | {"quantity", "currency", SKIPPED}
BLANK = ""
DELIMITERS = {",": ",", ";": ";", "\t": "\t", " ": BLANK, "comma": ",", "semicolon": ";", "tab": "\t", "blank": BLANK}


class LayoutUnclear(ValueError):
    """The description of the file does not say where a purchase is."""


def columns_of(text: str) -> tuple[str, ...]:
    """The columns named in `customer,date,quantity,amount`; `-` skips one. Raises LayoutUnclear."""
    columns = tuple(part.strip() for part in text.split(","))
    unknown = sorted(set(columns) - KNOWN)
    if unknown:
        raise LayoutUnclear(f"unknown column {unknown[0]!r}; there are {', '.join(sorted(KNOWN))} ('-' skips one)")
    missing = sorted(REQUIRED - set(columns))
    if missing:
        raise LayoutUnclear(f"no column is named {missing[0]!r}")
    named = [column for column in columns if column != SKIPPED]
    if len(named) > len(set(named)):
        raise LayoutUnclear("a column is named twice")
    return columns


def delimiter_of(text: str) -> str:
    """The delimiter that an option names by itself or by its English name. Raises LayoutUnclear."""
    if text not in DELIMITERS:
        raise LayoutUnclear("a delimiter is comma, semicolon, tab or blank")
    return DELIMITERS[text]


def sniff_delimiter(head: Sequence[str], columns: Sequence[str]) -> str:
    """The delimiter that gives most of the first lines as many fields as there are columns, else the one that occurs most."""
    candidates = (BLANK, ",", ";", "\t")
    fitting = {each: sum(len(fields_of(text, each)) == len(columns) for text in head) for each in candidates}
    if any(fitting.values()):
        return max(candidates, key=lambda each: fitting[each])
    return max(candidates, key=lambda each: sum(text.count(each) for text in head) if each else 0)


def fields_of(text: str, delimiter: str) -> list[str]:
    """The fields of a line without the blanks around them; quotes are honoured where the delimiter is a character.

    A line whose quotes do not close is one field.
    """
    if delimiter == BLANK:
        return text.split()
    if '"' not in text:
        return [part.strip() for part in text.split(delimiter)]
    try:
        return [part.strip() for part in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))]
    except csv.Error:
        return [text]


def is_header(fields: Sequence[str], columns: Sequence[str], *, is_date: Callable[[str], bool], is_amount: Callable[[str], bool]) -> bool:
    """Whether a first line names columns: neither its date nor its amount can be read (no field can, where their number differs)."""
    if len(fields) != len(columns):
        return not any(is_date(field) or is_amount(field) for field in fields)
    return not is_date(fields[columns.index("date")]) and not is_amount(fields[columns.index("amount")])
